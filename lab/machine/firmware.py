"""What a machine does when it starts: the decision, without doing it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lab.bmc.flags import BootFlags

__all__ = ["Boot", "Disk", "decide_boot"]


class Boot(StrEnum):
    INSTALL = "install"
    DISK = "disk"
    NO_SYSTEM = "no system on disk"
    REFUSED = "install refused"


@dataclass(frozen=True)
class Disk:
    """What the machine's disk and its install counter say.

    :ivar installed: a whole system is on it.
    :ivar claimed: that system was taken over by somebody, who left the folder of the life marker on it.
    :ivar unclaimed: network installs in a row, the present system's included, that nobody claimed.
    """

    installed: bool = False
    claimed: bool = False
    unclaimed: int = 0


def decide_boot(flags: BootFlags, disk: Disk, *, limit: int, now: float) -> Boot:
    """Network only by a valid boot flag, everything else from disk; an install that would be one too many is refused.

    :param limit: installs in a row that nobody claimed.
    :param now: seconds of the boot clock.
    """
    if flags.valid(now) and flags.device == "pxe":
        return Boot.INSTALL if disk.claimed or disk.unclaimed < limit else Boot.REFUSED
    return Boot.DISK if disk.installed else Boot.NO_SYSTEM
