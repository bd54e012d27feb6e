"""What is said of a network boot after which no new system showed itself: what was asked for, and where to look."""

from __future__ import annotations

from metal.bmc.protocol import BootDevice, BootTarget
from metal.chassis.wish import ChassisWish
from metal.errors import HostError, HostFault

__all__ = ["LOOK", "netboot_tried", "tell_netboot"]

LOOK = (
    "look at the host's console while it boots: whether the network card it boots from has a link, gets an address "
    "(DHCP) and fetches its loader (TFTP, or HTTP boot) from your boot server, and whether that loader is one for its "
    "firmware's mode (boot_mode: uefi or legacy)"
)


def netboot_tried(wish: ChassisWish) -> str:
    """The boot device that an install was begun with; it held when its BMC was asked, before power was switched."""
    device = BootDevice(BootTarget.PXE, once=True, efi=wish.efi)
    return f"network boot: boot device {device}, set and read back through its BMC before power"


def tell_netboot(wish: ChassisWish, error: HostError) -> None:
    """Add to an error about a life whose install was armed: the network boot is what it hangs on first."""
    error.tried = (netboot_tried(wish), *error.tried)
    after = (
        error.next_step
        if error.fault is HostFault.OLD_SYSTEM
        else "then at the installer's log; the next run boots it from the network again"
    )
    error.next_step = f"{LOOK}; {after}"
