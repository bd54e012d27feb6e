"""What a host says about itself, taken in one round trip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from metal.errors import HostError, HostFault
from metal.host.ssh import Ssh
from metal.settings.expectations import DiskKind, spell_size, spell_speed

__all__ = ["Disk", "Facts", "Nic", "observe_facts", "parse_facts"]

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
  mac=$(first "$path/bonding_slave/perm_hwaddr")
  mac=${mac:-$(first "$path/address")}
  say mac "$name $mac"
  kind=virtual
  [ ! -e "$path/bridge" ] || kind=bridge
  [ ! -e "$path/device" ] || kind=card
  say nic "$name|$kind|$(first "$path/speed")|$mac"
done
for path in /sys/block/*; do
  name=${path##*/}
  case "$name" in loop*|ram*|zram*|dm-*|md*|sr*|fd*|nbd*|rbd*|drbd*) continue ;; esac
  [ -e "$path/size" ] && [ "$(first "$path/removable")" != 1 ] && [ "$(first "$path/hidden")" != 1 ] || continue
  say disk "$name|$(first "$path/size")|$(first "$path/queue/rotational")|$(first "$path/device/model")"
done
for path in /dev/disk/by-id/*; do
  target=$(readlink -- "$path" 2>/dev/null) || continue
  say disk_id "${target##*/} ${path##*/}"
done
memory=/sys/devices/system/memory
blocks=$(cat "$memory"/memory*/online 2>/dev/null | grep -c 1 || true)
[ "$blocks" = 0 ] || say fitted "$blocks $(first "$memory/block_size_bytes")"
for path in /etc /var/lib; do
  [ -w "$path" ] || say read_only "$path"
done
if command -v ip >/dev/null 2>&1; then
  ip -o addr show scope global | while read -r _ name _ address _; do say address "$name ${address%%/*}"; done
fi
say clock "$(date +%s.%N)"
"""

# /sys counts disks in sectors of this size, whatever the disk's own are.
_SECTOR = 512

# Filled in by makers who forgot to.
_NO_SERIAL = {"", "0", "none", "not specified", "default string", "to be filled by o.e.m.", "system serial number"}


@dataclass(frozen=True)
class Disk:
    """One disk that stays: no removable medium, no array or map made of others.

    :ivar name: of this boot ("sda"); the next one may give another.
    :ivar size: bytes.
    :ivar ids: its names in /dev/disk/by-id, sorted.
    """

    name: str
    size: int
    kind: DiskKind
    model: str = ""
    ids: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join(part for part in (self.kind.value, spell_size(self.size), self.model) if part)


@dataclass(frozen=True)
class Nic:
    """One network card; in a container, an interface that stands for one.

    :ivar mac: the card's own, lower case, also under a bond.
    :ivar speed: of its link in Mb/s; None without a link, or where it is not told.
    """

    name: str
    mac: str
    speed: int | None = None

    def __str__(self) -> str:
        return f"{self.name} {spell_speed(self.speed) if self.speed else 'without link'}"


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
    :ivar fitted: bytes of memory in the machine, firmware's and kernel's part included; None where it is not told.
    :ivar disks, nics: by name.
    :ivar read_only: folders that have to be written to and cannot be.
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
    fitted: int | None = None
    disks: tuple[Disk, ...] = ()
    nics: tuple[Nic, ...] = ()
    read_only: tuple[str, ...] = ()

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
    carrying: set[str] = set()
    many: dict[str, list[str]] = {"nic": [], "disk": [], "disk_id": [], "read_only": []}
    for line in text.splitlines():
        key, _, value = line.partition("=")
        value = value.strip()
        if key == "mac":
            name, _, mac = value.partition(" ")
            if mac and mac != "00:00:00:00:00:00":
                macs[name] = mac.lower()
        elif key == "address":
            name, _, address = value.partition(" ")
            carrying.add(name.partition("@")[0])
            if address and address not in addresses:
                addresses.append(address)
        elif key in many:
            many[key].append(value)
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
        fitted=_fitted(values.get("fitted", "")),
        disks=_disks(many["disk"], many["disk_id"]),
        nics=_nics(many["nic"], carrying),
        read_only=tuple(many["read_only"]),
    )


def _fitted(text: str) -> int | None:
    """:param text: number of the kernel's memory blocks, and the size of one in hexadecimal."""
    blocks, _, size = text.partition(" ")
    return int(blocks) * int(size, 16) if blocks and size else None


def _disks(lines: list[str], links: list[str]) -> tuple[Disk, ...]:
    """:param lines: name, sectors, whether it turns, model; `links`: name of this boot, name in by-id."""
    ids: dict[str, list[str]] = {}
    for link in links:
        name, _, known = link.partition(" ")
        ids.setdefault(name, []).append(known)
    found = []
    for line in lines:
        name, sectors, turns, model = (part.strip() for part in line.split("|", 3))
        if not sectors.isdigit() or sectors == "0":
            continue
        kind = DiskKind.NVME if name.startswith("nvme") else DiskKind.HDD if turns == "1" else DiskKind.SSD
        found.append(Disk(name, int(sectors) * _SECTOR, kind, model, tuple(sorted(ids.get(name, ())))))
    return tuple(sorted(found, key=lambda disk: disk.name))


def _nics(lines: list[str], carrying: set[str]) -> tuple[Nic, ...]:
    """Cards; where there is none at all, as in a container, the interfaces that carry an address stand for them."""
    parts = [tuple(part.strip() for part in line.split("|", 3)) for line in lines]
    cards = [part for part in parts if part[1] == "card"]
    cards = cards or [part for part in parts if part[1] == "virtual" and part[0] in carrying]
    return tuple(
        Nic(name, mac.lower(), int(speed) if speed.isdigit() and speed != "0" else None)
        for name, _, speed, mac in sorted(cards)
    )


def _family(os_id: str, like: str) -> str:
    """The package family, from what the release calls itself and what it calls itself like; itself when unknown."""
    words = {os_id, *like.split()}
    if words & {"debian", "ubuntu"}:
        return "debian"
    if words & {"rhel", "fedora", "centos", "redhat"}:
        return "redhat"
    return os_id
