"""What a chassis does when mains power returns: set through its BMC where the settings say, and only there."""

from __future__ import annotations

from metal.bmc.restore import restoring
from metal.chassis.wish import ChassisWish
from metal.site import Site

__all__ = ["read_restore", "settle_restore"]


def settle_restore(site: Site, wish: ChassisWish, *, moved: bool = False) -> str | None:
    """Have the wanted policy, set only where it is another, and read back; None where none is wanted.

    :param moved: the BMC is found elsewhere than in the last run: nothing is set, and what is found is reported.
    :raises BmcError: its BMC cannot keep one, or did not take it.
    """
    if wish.bmc is None or wish.power_restore is None:
        return None
    with site.bmcs.open(wish.bmc, deadline=site.run.deadline(site.fleet.deadlines.bmc)) as bmc:
        policy = restoring(bmc, wish.bmc)
        now = policy.power_restore()
        if now is wish.power_restore or moved:
            return now.value if now else "unknown"
        policy.set_power_restore(wish.power_restore)
    site.run.progress(f"{wish.host}: power restore policy is {wish.power_restore} now")
    return wish.power_restore.value


def read_restore(site: Site, wish: ChassisWish) -> str | None:
    """The policy now, in the words of the settings, or `unknown`; None where none is wanted."""
    if wish.bmc is None or wish.power_restore is None:
        return None
    with site.bmcs.open(wish.bmc, deadline=site.run.deadline(site.fleet.deadlines.bmc)) as bmc:
        now = restoring(bmc, wish.bmc).power_restore()
    return now.value if now else "unknown"
