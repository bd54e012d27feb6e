"""The power restore policy: what a chassis does when mains power returns. A BMC may be unable to keep one."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from metal.bmc.failure import failure
from metal.errors import BmcFault
from metal.settings.access import BmcAddress
from metal.settings.fleet import PowerRestore

__all__ = ["RestoresPower", "restoring"]


@runtime_checkable
class RestoresPower(Protocol):
    """What a BMC can be asked beside :class:`metal.bmc.protocol.Bmc`; within the same deadline, and repeatable."""

    def power_restore(self) -> PowerRestore | None:
        """The policy now; None where the BMC calls it unknown."""

    def set_power_restore(self, policy: PowerRestore) -> None:
        """Set it and read it back."""


def restoring(bmc: object, address: BmcAddress) -> RestoresPower:
    """The same BMC, asked about its policy.

    :raises BmcError: COMMAND: its protocol has no such policy here.
    """
    if isinstance(bmc, RestoresPower):
        return bmc
    raise failure(
        address,
        BmcFault.COMMAND,
        f"power restore policy cannot be set over {address.protocol}",
        tried=["power_restore"],
        seen="no such policy",
        next_step="take power_restore out of the settings of this host, and set it in its firmware",
    )
