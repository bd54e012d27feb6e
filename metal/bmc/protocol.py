"""What a BMC can be asked, whatever it speaks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

__all__ = ["Bmc", "BmcIdentity", "BootDevice", "BootTarget", "Power"]


class Power(StrEnum):
    ON = "on"
    OFF = "off"


class BootTarget(StrEnum):
    """What firmware boots from. DEFAULT means no override: the order set in firmware."""

    DEFAULT = "default"
    PXE = "pxe"
    DISK = "disk"
    SAFE = "safe"
    DIAGNOSTICS = "diagnostics"
    OPTICAL = "optical"
    SETUP = "setup"
    USB = "usb"
    REMOTE = "remote"  # media redirected through the BMC; seen, never set


@dataclass(frozen=True)
class BootDevice:
    """A boot override.

    :ivar once: for the next boot only; always False with DEFAULT.
    :ivar efi: as a wish: UEFI, legacy, or None for whichever it is; as seen: UEFI, legacy, or None where the BMC does
        not tell. Always False with DEFAULT.
    """

    target: BootTarget
    once: bool = False
    efi: bool | None = False

    def __str__(self) -> str:
        if self.target is BootTarget.DEFAULT:
            return "default"
        return f"{self.target} ({'once' if self.once else 'lasting'}{', efi' if self.efi else ''})"


@dataclass(frozen=True)
class BmcIdentity:
    """Who made the BMC. Names where they are known, else numbers as text."""

    manufacturer: str
    product: str
    firmware: str


class Bmc(Protocol):
    """One BMC, held by one caller. Every call ends at the deadline given when it was opened and may be repeated."""

    def power(self) -> Power:
        """Chassis power now."""

    def power_on(self) -> None:
        """Switch on unless it is on; returns when the BMC says on."""

    def power_off(self, *, soft: float) -> None:
        """Ask the system to stop, for at most `soft` seconds (0: do not ask), then cut power; returns when off."""

    def power_cycle(self) -> None:
        """Off, confirmed, then on, confirmed."""

    def boot_device(self) -> BootDevice:
        """The override that is set now."""

    def set_boot_device(self, target: BootTarget, *, once: bool, efi: bool | None) -> None:
        """Set the override and read it back, its mode too where one is given; DEFAULT removes it.

        :param efi: boot by UEFI, or by the legacy BIOS; None asks for neither.
        """

    def identity(self) -> BmcIdentity:
        """Manufacturer, product and firmware."""

    def guid(self) -> str:
        """What tells this BMC's machine from every other one, at any address; empty where the BMC gives nothing."""

    def close(self) -> None:
        """Free the session on the BMC; never raises."""
