"""What is wanted of one chassis, as the resources hand it down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from metal.settings.access import Access, BmcAddress
from metal.settings.fleet import FirmwareMode, HostWish, LastingBoot, OnLeave, PowerRestore, PowerWish

__all__ = ["ChassisWish"]


@dataclass(frozen=True)
class ChassisWish:
    """One host's metal.

    :ivar bmc: None for a host without one; such a host is used as it runs and is never switched.
    :ivar generation: installed at least that often by us; 0 never installs.
    :ivar power: state to hold once the host is in its life.
    :ivar on_leave: what becomes of the host when it leaves its pool.
    :ivar on_destroy: the same when the stack is destroyed.
    :ivar boot_device: what it boots when nothing is said for one boot.
    :ivar power_restore: what it does when mains power returns; None leaves that as it is.
    :ivar boot_mode: by which it boots what it is told to boot; None leaves that as it is.
    """

    host: str
    owner: str
    life: str
    generation: int
    blank: bool
    lost: bool
    power: PowerWish
    access: Access
    bmc: BmcAddress | None
    on_leave: OnLeave
    on_destroy: OnLeave
    boot_device: LastingBoot = LastingBoot.DEFAULT
    power_restore: PowerRestore | None = None
    boot_mode: FirmwareMode | None = None

    @property
    def efi(self) -> bool | None:
        """The mode in the words of a BMC: UEFI, legacy, or None for whichever it is."""
        return self.boot_mode.efi if self.boot_mode else None

    @classmethod
    def of(cls, host: HostWish, owner: str) -> Self:
        """What the settings want of a host in a pool.

        :param owner: `project/stack`.
        """
        return cls(
            host=host.name,
            owner=owner,
            life=host.life,
            generation=host.generation,
            blank=host.blank,
            lost=host.lost,
            power=host.power,
            access=host.access,
            bmc=host.bmc,
            on_leave=host.on_leave,
            on_destroy=host.on_destroy,
            boot_device=host.boot_device,
            power_restore=host.power_restore,
            boot_mode=host.boot_mode,
        )
