"""What a host knows of its own BMC, as plain values; nothing is judged here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from metal.doctor.sight import Trouble

__all__ = ["InsideSight", "Lan", "OwnBmc", "Surroundings"]


@dataclass(frozen=True)
class Surroundings:
    """What the host has to reach its BMC by.

    :ivar root: commands run as root.
    :ivar declared: the firmware declares an IPMI device (SMBIOS type 38); None where its tables cannot be read.
    :ivar device: path of the kernel's IPMI device; empty for none.
    :ivar modules: those of the kernel's IPMI drivers that are loaded.
    :ivar tool: path of ipmitool; empty for none.
    :ivar maker, product: of the machine, by its firmware.
    """

    root: bool = True
    declared: bool | None = None
    device: str = ""
    modules: tuple[str, ...] = ()
    tool: str = ""
    maker: str = ""
    product: str = ""


@dataclass(frozen=True)
class Lan:
    """One LAN channel of a BMC.

    :ivar address: IPv4; empty where none is set.
    :ivar source: where it comes from ("static", "DHCP"); empty where that is not told.
    :ivar addresses6: IPv6 addresses in use, with their sources.
    :ivar vlan: None for none.
    :ivar is_open: IPMI over LAN is on; None where that is not told.
    """

    channel: int
    address: str = ""
    source: str = ""
    mac: str = ""
    vlan: int | None = None
    addresses6: tuple[tuple[str, str], ...] = ()
    is_open: bool | None = None

    def source_of(self, address: str) -> str:
        return dict(self.addresses6).get(address, self.source)

    def to_dict(self) -> dict[str, Any]:
        return {
            "channel": self.channel,
            "address": self.address,
            "source": self.source,
            "mac": self.mac,
            "vlan": self.vlan,
            "ipv6": [{"address": address, "source": source} for address, source in self.addresses6],
            "ipmi_over_lan": self.is_open,
        }


@dataclass(frozen=True)
class OwnBmc:
    """A BMC by its own word.

    :ivar manufacturer: IANA enterprise number.
    :ivar guid: as it came; empty where it gives none.
    """

    manufacturer: int
    firmware: str
    guid: bytes = b""
    lans: tuple[Lan, ...] = ()


@dataclass(frozen=True)
class InsideSight:
    """One host.

    :ivar serial, uuid: of the machine, by its firmware; empty where it has none.
    :ivar bmc: None where it was not to be had.
    :ivar silence: what ipmitool said then.
    :ivar trouble: why the host could not be asked at all.
    """

    around: Surroundings = Surroundings()
    serial: str = ""
    uuid: str = ""
    bmc: OwnBmc | None = None
    silence: str = ""
    trouble: Trouble | None = None
