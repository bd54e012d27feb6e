"""Inventory entries for machines that nobody has written down yet. No I/O."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from hashlib import sha256
from ipaddress import IPv6Address, ip_address, ip_network

from metal.discover.line import one_line, quoted
from metal.discover.sight import Found
from metal.errors import SettingsError

__all__ = ["HOLD", "Scheme", "bmc_map", "entry_lines", "name_of", "placeholder"]

HOLD = "discovered: give it the address of its system"
"""Why a new entry is not dialled: its address is a placeholder."""

# A name is a label of 63 characters at most (RFC 1123); a number may follow.
_LONGEST_NAME = 58
_DOCUMENTATION = int(IPv6Address("2001:db8::"))
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9._/-]*|\d+(\.\d+){3}")
_YAML_WORDS = re.compile(r"true|false|null|yes|no|on|off|y|n", re.IGNORECASE)


class Scheme:
    """How a host's address follows from its BMC's, where it does: the same last part in another network.

    :param text: that network, in CIDR.
    :raises SettingsError: not a network.
    """

    def __init__(self, text: str) -> None:
        try:
            self._network = ip_network(text)
        except ValueError:
            raise SettingsError(
                [f"--hosts = {text}: is not a network; allowed: one like 10.77.1.0/24, without host bits"]
            ) from None

    def address(self, bmc: str) -> str:
        """The host's address, or empty where the BMC's is of another family."""
        found = ip_address(bmc)
        if found.version != self._network.version:
            return ""
        return str(self._network[int(found) & int(self._network.hostmask)])


def placeholder(bmc: str, system: str = "") -> str:
    """An address that stands for none: of the range for documentation (RFC 3849), one for each, routed nowhere.

    :param system: Id of one of several systems that the BMC has.
    """
    number = int.from_bytes(sha256(f"{bmc} {system}".encode()).digest()) if system else int(ip_address(bmc))
    return str(IPv6Address(_DOCUMENTATION | (number & (1 << 96) - 1)))


def name_of(found: Found, taken: Collection[str]) -> str:
    """A name that is not taken: the serial number, which stays when the address changes; else the address."""
    serial = found.machine.serial if found.machine else ""
    base = re.sub(r"[^a-z0-9]+", "-", serial.lower()).strip("-")[:_LONGEST_NAME].strip("-")
    where = f"{found.address}.{found.system}".rstrip(".")
    base = base or ("bmc-" + re.sub(r"[^0-9A-Za-z]+", "-", where).strip("-").lower())[:_LONGEST_NAME].strip("-")
    names = (base, *(f"{base}-{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)


def entry_lines(found: Found, name: str, *, credentials: str, address: str = "", ca: str = "") -> list[str]:
    """The entry as lines of a block map: what was seen as a comment, then the entry itself.

    :param credentials: profile name that its BMC is logged in to with.
    :param address: of the host; empty for a placeholder, and a hold.
    :param ca: PEM file of the authority that may have vouched for its certificate; empty for the system's own ones.
    """
    where = address or placeholder(found.address, found.system)
    parts = [f"address: {_scalar(where)}", f"bmc: {bmc_map(found, credentials, ca)}"]
    if found.machine and found.machine.serial:
        parts.append(f"serial: {_scalar(found.machine.serial)}")
    if found.machine and found.machine.uuid:
        parts.append(f"uuid: {_scalar(found.machine.uuid)}")
    if found.machine and found.machine.macs:
        parts.append(f"macs: [{', '.join(map(quoted, found.machine.macs))}]")
    if not address:
        parts.append(f"hold: {_scalar(HOLD)}")
    return [*(f"# {line}" for line in described(found)), f"{_scalar(name)}: {{{', '.join(parts)}}}"]


def bmc_map(found: Found, credentials: str, ca: str = "") -> str:
    """What an entry says of its BMC.

    :param credentials: profile name; empty leaves it to the file's defaults.
    :param ca: as in :func:`entry_lines`.
    """
    # Said in full: the file that it is added to may have defaults that are others.
    protocol, port = ("ipmi", found.port) if found.ipmi else ("redfish", found.redfish_port)
    bmc = [f"address: {_scalar(found.address)}", f"protocol: {protocol}", f"port: {port}"]
    if not found.ipmi:
        if found.redfish and found.redfish.fingerprint and not found.vouched:
            bmc.append(f"fingerprint: {quoted(found.redfish.fingerprint)}")
        if found.vouched and ca:
            bmc.append(f"ca: {_scalar(ca)}")
        if found.system:
            bmc.append(f"system: {_scalar(found.system)}")
    if credentials:
        bmc.append(f"credentials: {_scalar(credentials)}")
    return f"{{{', '.join(bmc)}}}"


def described(found: Found) -> Iterable[str]:
    """What was seen, in words: each a line that cannot end the comment that it stands in."""
    return map(one_line, _described(found))


def _described(found: Found) -> Iterable[str]:
    machine = found.machine
    if machine:
        maker = f"{machine.maker} {machine.product}".strip()
        parts = [
            maker,
            machine.firmware and f"BMC firmware {machine.firmware}",
            machine.mac and f"BMC MAC {machine.mac}",
        ]
        parts.append(machine.power and f"power {machine.power}")
        parts.append(found.system and f"system {found.system}")
        yield ", ".join(part for part in parts if part)
    if found.redfish:
        root = found.redfish
        words = " ".join(word for word in ("Redfish", root.version, root.vendor, root.product) if word)
        yield words + (f", certificate {root.fingerprint}" if root.fingerprint else "")
    if found.unread:
        yield f"MACs of the host not read: {found.unread}"
    if found.unshown:
        yield f"other systems that its BMC names, and does not show: {found.unshown}"
    if not machine:
        yield "answers a ping; nobody logged in" if found.ipmi else "nobody logged in"


def _scalar(text: str) -> str:
    if _PLAIN.fullmatch(text) and not _YAML_WORDS.fullmatch(text):
        return text
    return quoted(text)
