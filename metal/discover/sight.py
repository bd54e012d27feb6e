"""What was found at one address, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Found", "Machine", "RedfishRoot"]


@dataclass(frozen=True)
class RedfishRoot:
    """What a Redfish service says to anybody.

    :ivar fingerprint: `sha256:` and 64 digits, of the certificate that it showed; it was not verified.
    """

    version: str = ""
    vendor: str = ""
    product: str = ""
    fingerprint: str = ""

    def to_dict(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "vendor": self.vendor,
            "product": self.product,
            "fingerprint": self.fingerprint,
        }


@dataclass(frozen=True)
class Machine:
    """What a BMC says of the machine that it belongs to, after a login. Empty where it does not.

    :ivar maker, product: as they stand on the machine; else the BMC's own.
    :ivar firmware: the BMC's.
    :ivar serial: that the system's firmware shows too.
    :ivar serials: every serial number that may be meant as its own.
    :ivar guid: as it came over the wire, in hexadecimal.
    :ivar uuid: what the GUID is as a system UUID, where that can be told.
    :ivar uuids: everything that it may be.
    :ivar mac: the BMC's own, not one of the host's.
    :ivar macs: the host's, which are told over Redfish only.
    """

    maker: str = ""
    product: str = ""
    firmware: str = ""
    serial: str = ""
    serials: tuple[str, ...] = ()
    guid: str = ""
    uuid: str = ""
    uuids: tuple[str, ...] = ()
    mac: str = ""
    power: str = ""
    macs: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "maker": self.maker,
            "product": self.product,
            "firmware": self.firmware,
            "serial": self.serial,
            "uuid": self.uuid,
            "guid": self.guid,
            "bmc_mac": self.mac,
            "macs": list(self.macs),
            "power": self.power,
        }


@dataclass(frozen=True)
class Found:
    """A BMC, or one of several systems that it has.

    :ivar ipmi: it answered a ping, at `port`.
    :ivar redfish: None where it does not speak it.
    :ivar machine: None where nobody logged in.
    :ivar trouble: why a login failed, or was not made.
    :ivar system: Id of the system over Redfish, where there are several.
    :ivar unshown: which other systems its BMC names and does not show, and why.
    :ivar sole: Id of the system over Redfish, where the BMC has no other.
    :ivar vouched: an authority vouched for its certificate.
    :ivar unread: why the host's MACs could not be read beside what was.
    """

    address: str
    port: int = 623
    ipmi: bool = False
    redfish: RedfishRoot | None = None
    redfish_port: int = 443
    machine: Machine | None = None
    trouble: str = ""
    system: str = ""
    vouched: bool = False
    unread: str = ""
    sole: str = ""
    unshown: str = ""

    @property
    def slot(self) -> str:
        """Id of its system over Redfish; empty where nobody asked for it."""
        return self.system or self.sole

    @property
    def place(self) -> str:
        """Its address, with the system where that has several."""
        return f"{self.address} system {self.system}" if self.system else self.address

    def to_dict(self) -> dict[str, Any]:
        return {
            "address": self.address,
            "ipmi": self.ipmi,
            "redfish": self.redfish.to_dict() if self.redfish else None,
            "machine": self.machine.to_dict() if self.machine else None,
            "trouble": self.trouble,
            "system": self.system,
            "unread": self.unread,
            "unshown": self.unshown,
        }
