"""What the sight of a host from inside means for its inventory entry, and what to do about it. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import ip_address, ip_network
from typing import Any
from uuid import UUID

from metal.bmc.ipmi.guid import likely_uuid, readings, spell_guid
from metal.bmc.quirks import manufacturer_name
from metal.discover.inside.sight import InsideSight, Lan, OwnBmc
from metal.discover.line import one_line
from metal.discover.match import Known, Match, Verdict, match_own
from metal.discover.sight import Found, Machine

__all__ = ["Outcome", "State", "judge", "unclear"]

_MOST_WORDS = 300


# "This network", the host itself, and what is reserved (RFC 6890). Not all of 127.0.0.0/8: the BMCs of a rehearsal lab
# are at further addresses of the loopback network, and a real one that had been given one would not be let in there.
_NOBODYS = [ip_network(text) for text in ("0.0.0.0/8", "127.0.0.0/24", "240.0.0.0/4")]


class State(StrEnum):
    FOUND = "found"
    SHUT = "IPMI over LAN off"
    NO_ADDRESS = "no LAN address"
    NO_BMC = "no BMC"
    NO_DRIVER = "no driver"
    NO_TOOL = "no ipmitool"
    SILENT = "BMC silent"
    NOT_ROOT = "not root"
    AWAY = "not reached"
    UNCLEAR = "unclear output"
    UNTOUCHED = "untouched"


@dataclass(frozen=True)
class Outcome:
    """What came of one host.

    :ivar match: what the BMC that was found is to the inventory.
    :ivar lan: the channel that the address is of.
    :ivar notes: what else is worth knowing.
    :ivar asks: something is left to a person.
    """

    host: str
    state: State
    words: str
    cure: str = ""
    match: Match | None = None
    lan: Lan | None = None
    bmc: OwnBmc | None = None
    notes: tuple[str, ...] = ()
    asks: bool = True

    def to_dict(self) -> dict[str, Any]:
        return {
            "host": self.host,
            "state": self.state.value,
            "verdict": self.match.verdict.name.lower() if self.match else None,
            "words": self.words,
            "cure": self.cure,
            "notes": list(self.notes),
            "address": self.match.found.address if self.match else None,
            "machine": self.match.found.machine.to_dict() if self.match and self.match.found.machine else None,
            "lans": [lan.to_dict() for lan in self.bmc.lans] if self.bmc else [],
        }


def judge(host: Known, seen: InsideSight, known: Sequence[Known] = (), *, port: int = 623) -> Outcome:
    """:param known: the whole inventory.
    :param port: UDP port of IPMI, which a BMC does not tell.
    """
    if seen.trouble is not None:
        return Outcome(host.host, State.AWAY, seen.trouble.what, seen.trouble.cure)
    if seen.bmc is None:
        return _without(host, seen)
    return _with(host, seen, seen.bmc, known, port)


def unclear(host: str, error: Exception) -> Outcome:
    """A host whose output nobody can make sense of."""
    words = one_line(f"what it says of itself makes no sense: {type(error).__name__}: {error}")[:_MOST_WORDS]
    cure = "log in to the host: `ipmitool mc info` and `dmidecode -t system` say what it is, and its shell nothing else"
    return Outcome(host, State.UNCLEAR, words, cure)


def _without(host: Known, seen: InsideSight) -> Outcome:
    """Why its BMC was not to be had."""
    around = seen.around
    if not around.root:
        return Outcome(
            host.host,
            State.NOT_ROOT,
            "commands do not run as root, which its IPMI device is for",
            "let the user of the inventory use sudo without a password (NOPASSWD: ALL), or log in as root",
        )
    if not around.device and around.declared is False:
        words = "its firmware declares no IPMI device (SMBIOS type 38), and its kernel has none"
        if not host.bmc:
            return Outcome(host.host, State.NO_BMC, words, asks=False)
        words += f"; {host.file} has a BMC for it at {host.bmc}"
        cure = "its BMC may do without IPMI inside (Redfish alone): look for it on its network; else write bmc: none"
        return Outcome(host.host, State.NO_BMC, words, cure)
    if not around.tool:
        return Outcome(
            host.host,
            State.NO_TOOL,
            "has no ipmitool, and nothing is installed by this command",
            "install the package ipmitool on the host, or look for the BMC on its network: metalswarm discover RANGE",
        )
    if around.device:
        cure = "run `ipmitool mc info` on the host; `ipmitool mc reset cold` or the mains reset a BMC that hangs"
        return Outcome(host.host, State.SILENT, f"its BMC does not answer inside: {seen.silence}", cure)
    declared = "its firmware declares an IPMI device" if around.declared else "its firmware's tables cannot be read"
    loaded = f"only {', '.join(around.modules)}" if around.modules else "none"
    return Outcome(
        host.host,
        State.NO_DRIVER,
        f"{declared}, and there is no /dev/ipmi0 (IPMI modules loaded: {loaded}); none is loaded by this command",
        "on the host: modprobe -a ipmi_si ipmi_devintf (ipmi_ssif where its BMC is on the SMBus); for every boot, name "
        "them in /etc/modules-load.d/ipmi.conf",
    )


def _with(host: Known, seen: InsideSight, bmc: OwnBmc, known: Sequence[Known], port: int) -> Outcome:
    usable = [(address, lan) for lan in bmc.lans for address, _ in _addresses(lan) if not _stays_inside(address)]
    # One that the inventory has already is as good as any.
    usable.sort(key=lambda each: not host.answers_at(each[0]))
    if not usable:
        return _without_address(host, bmc)
    address, lan = usable[0]
    notes = tuple(_notes(seen, bmc, lan, usable[1:]))
    found = Found(address, port=port, ipmi=True, machine=_machine(seen, bmc, lan))
    match = match_own(found, host, known)
    words, cure = _told(match, host)
    if lan.is_open is False:
        # An address that could not be logged in to over IPMI is no entry; one that the inventory has may be Redfish's.
        matched = match if match.verdict is not Verdict.MOVED else replace(match, verdict=Verdict.UNCLEAR)
        return Outcome(
            host.host,
            State.SHUT,
            f"{words}; IPMI over LAN is off there",
            f"switch it on (on the host: ipmitool lan set {lan.channel} access on), or enter the address with "
            "protocol: redfish",
            matched,
            lan,
            bmc,
            notes,
            asks=match.verdict is not Verdict.KNOWN,
        )
    return Outcome(host.host, State.FOUND, words, cure, match, lan, bmc, notes, asks=match.asks)


def _told(match: Match, host: Known) -> tuple[str, str]:
    """What a match means, and what to do then."""
    at = f"its BMC is at {match.found.address}"
    if match.verdict is Verdict.KNOWN:
        return f"{at}, as in {host.file}", ""
    if match.verdict is not Verdict.MOVED:
        return f"{at}; {match.words}", ""
    if not host.bmc:
        return f"{at}, and {host.file} has none", "--update writes it there"
    return f"{at}, and {host.file} has it at {host.bmc}", "--update changes it there, if the BMC's word is right"


def _without_address(host: Known, bmc: OwnBmc) -> Outcome:
    inner = [address for lan in bmc.lans for address, _ in _addresses(lan)]
    if not bmc.lans:
        words, channel = "its BMC has no LAN channel", "CHANNEL"
    else:
        words, channel = f"its BMC has no address on channel {_listed(bmc.lans)}", str(bmc.lans[0].channel)
        if by_dhcp := [lan for lan in bmc.lans if lan.source == "DHCP"]:
            words += f"; channel {_listed(by_dhcp)} waits for DHCP"
    if inner:
        words += f", but for {', '.join(inner)}, which nobody outside can reach"
    cure = (
        "cable its LAN port and see that DHCP answers it, or set an address in its own settings (on the host: "
        f"ipmitool lan set {channel} ipsrc static, then ipaddr and netmask); then run this again"
    )
    return Outcome(host.host, State.NO_ADDRESS, words, cure, bmc=bmc)


def _addresses(lan: Lan) -> tuple[tuple[str, str], ...]:
    first = ((lan.address, lan.source),) if lan.address else ()
    return (*first, *lan.addresses6)


def _stays_inside(address: str) -> bool:
    """A link-local address is that of a network between host and BMC, or of one cable; others are no host's at all."""
    found = ip_address(address)
    found = getattr(found, "ipv4_mapped", None) or found
    if found.version == 4:
        return found.is_link_local or found.is_multicast or any(found in each for each in _NOBODYS)
    return found.is_link_local or found.is_multicast or found.is_loopback or found.is_unspecified


def _machine(seen: InsideSight, bmc: OwnBmc, lan: Lan) -> Machine:
    """The machine by its own firmware; its BMC's GUID may be the same UUID in any order of its bytes."""
    uuids = (seen.uuid, _swapped(seen.uuid)) if seen.uuid else ()
    return Machine(
        maker=seen.around.maker or manufacturer_name(bmc.manufacturer),
        product=seen.around.product,
        firmware=bmc.firmware,
        serial=seen.serial,
        serials=(seen.serial,) if seen.serial else (),
        guid=spell_guid(bmc.guid),
        uuid=seen.uuid or likely_uuid(bmc.guid),
        uuids=tuple(dict.fromkeys((*uuids, *readings(bmc.guid)))),
        mac=lan.mac,
    )


def _notes(seen: InsideSight, bmc: OwnBmc, lan: Lan, others: Sequence[tuple[str, Lan]]) -> Iterator[str]:
    if seen.uuid and bmc.guid and not {seen.uuid, _swapped(seen.uuid)} & set(readings(bmc.guid)):
        yield f"its GUID {spell_guid(bmc.guid)} is not the system's UUID {seen.uuid} in any order of its bytes"
    if lan.vlan is not None:
        yield f"it speaks in VLAN {lan.vlan}"
    for address, other in others:
        yield f"also at {address} (channel {other.channel})"


def _swapped(uuid: str) -> str:
    return str(UUID(bytes_le=UUID(uuid).bytes))


def _listed(lans: Sequence[Lan]) -> str:
    return " and ".join(str(lan.channel) for lan in lans)
