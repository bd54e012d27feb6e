"""What a host says about itself, taken in one round trip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from metal.errors import HostError, HostFault
from metal.host.ssh import Ssh

__all__ = ["Facts", "observe_facts", "parse_facts"]

# One `key=value` a line; a key may come again. Firmware values are missing in containers and on some boards.
_SCRIPT = """
say() { printf '%s=%s\\n' "$1" "$2"; }
first() { [ -r "$1" ] && head -n 1 -- "$1" 2>/dev/null || true; }
say machine_id "$(first /etc/machine-id)"
say boot_id "$(first /proc/sys/kernel/random/boot_id)"
release=/etc/os-release
[ -r "$release" ] || release=/usr/lib/os-release
say os_id "$(. "$release"; printf %s "${ID:-}")"
say os_like "$(. "$release"; printf %s "${ID_LIKE:-}")"
say os_version "$(. "$release"; printf %s "${VERSION_ID:-}")"
say kernel "$(uname -r)"
say arch "$(uname -m)"
say cpus "$(nproc)"
say memory_kib "$(sed -n 's/^MemTotal: *\\([0-9]*\\) kB$/\\1/p' /proc/meminfo)"
say serial "$(first /sys/class/dmi/id/product_serial)"
say uuid "$(first /sys/class/dmi/id/product_uuid)"
for path in /sys/class/net/*; do
  [ -e "$path/address" ] || continue
  name=${path##*/}
  [ "$name" != lo ] || continue
  say mac "$name $(first "$path/address")"
done
if command -v ip >/dev/null 2>&1; then
  ip -o addr show scope global | while read -r _ name _ address _; do say address "$name ${address%%/*}"; done
fi
say clock "$(date +%s.%N)"
"""

# Filled in by makers who forgot to.
_NO_SERIAL = {"", "0", "none", "not specified", "default string", "to be filled by o.e.m.", "system serial number"}


@dataclass(frozen=True)
class Facts:
    """One host at one moment.

    :ivar os_id: ID of os-release ("debian"); `os_version` its VERSION_ID ("12").
    :ivar family: "debian" or "redhat".
    :ivar memory: bytes that the kernel sees.
    :ivar serial: chassis serial number; None where the firmware has none (containers, careless makers).
    :ivar uuid: system UUID, lower case; None likewise.
    :ivar macs: interface name -> MAC, lower case.
    :ivar clock: the host's clock, seconds since 1970, when it answered.
    :ivar addresses: global addresses, in the order of the interfaces.
    """

    machine_id: str
    boot_id: str
    os_id: str
    os_version: str
    family: str
    kernel: str
    arch: str
    cpus: int
    memory: int
    serial: str | None
    uuid: str | None
    macs: Mapping[str, str]
    clock: float
    addresses: tuple[str, ...]

    @property
    def release(self) -> str:
        """`id-version` as the settings name it ("debian-12"); the full version where it has a minor one."""
        return f"{self.os_id}-{self.os_version}" if self.os_version else self.os_id


def observe_facts(ssh: Ssh) -> Facts:
    """Ask the host.

    :raises HostError: COMMAND: it could not be asked; NOT_READY: its answer lacks what every system has.
    """
    return parse_facts(ssh.script(_SCRIPT, timeout=60).stdout, host=ssh.access.host)


def parse_facts(text: str, *, host: str) -> Facts:
    """Read what the script printed.

    :raises HostError: NOT_READY: a value is missing that every system has.
    """
    values: dict[str, str] = {}
    macs: dict[str, str] = {}
    addresses: list[str] = []
    for line in text.splitlines():
        key, _, value = line.partition("=")
        value = value.strip()
        if key == "mac":
            name, _, mac = value.partition(" ")
            if mac and mac != "00:00:00:00:00:00":
                macs[name] = mac.lower()
        elif key == "address":
            address = value.partition(" ")[2]
            if address and address not in addresses:
                addresses.append(address)
        else:
            values[key] = value
    needed = ("machine_id", "boot_id", "os_id", "kernel", "arch", "cpus", "memory_kib", "clock")
    missing = [key for key in needed if not values.get(key)]
    # "uninitialized" is what systemd leaves in an image until its first boot has come far enough.
    if values.get("machine_id") == "uninitialized":
        missing.append("machine_id")
    if missing:
        raise HostError(
            f"the host does not tell its {', '.join(missing)}",
            fault=HostFault.NOT_READY,
            host=host,
            tried=["/etc/machine-id, /etc/os-release, /proc, uname, date"],
            seen="empty",
            next_step="wait for the first boot to finish, or repair the image",
        )
    serial = values.get("serial", "")
    return Facts(
        machine_id=values["machine_id"],
        boot_id=values["boot_id"],
        os_id=values["os_id"],
        os_version=values.get("os_version", ""),
        family=_family(values["os_id"], values.get("os_like", "")),
        kernel=values["kernel"],
        arch=values["arch"],
        cpus=int(values["cpus"]),
        memory=int(values["memory_kib"]) * 1024,
        serial=None if serial.lower() in _NO_SERIAL else serial,
        uuid=values.get("uuid", "").lower() or None,
        macs=macs,
        clock=float(values["clock"]),
        addresses=tuple(addresses),
    )


def _family(os_id: str, like: str) -> str:
    """The package family, from what the release calls itself and what it calls itself like; itself when unknown."""
    words = {os_id, *like.split()}
    if words & {"debian", "ubuntu"}:
        return "debian"
    if words & {"rhel", "fedora", "centos", "redhat"}:
        return "redhat"
    return os_id
