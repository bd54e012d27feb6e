"""Bring chassis power to where a life wants it; the only place that switches hosts on and off."""

from __future__ import annotations

from metal.bmc.protocol import BootTarget, Power
from metal.chassis.ledger import Entry, Ledger
from metal.chassis.netboot import LOOK, netboot_tried
from metal.chassis.observe import observe_marker
from metal.chassis.wish import ChassisWish
from metal.errors import HostError, HostFault
from metal.host.marker import Marker
from metal.plan.boot import MarkerSight
from metal.settings.access import BmcAddress
from metal.settings.fleet import OnLeave, PowerWish
from metal.site import Site
from metal.waiting import Pending, wait_until

__all__ = ["keep_power", "reach_power", "read_power", "release_power"]

# How long a system is given to stop in order before its power is cut.
SOFT_OFF = 30.0


def read_power(site: Site, bmc: BmcAddress) -> str:
    """`on` or `off`, as the BMC says now."""
    with site.bmcs.open(bmc, deadline=site.run.deadline(site.fleet.deadlines.bmc)) as session:
        return session.power().value


def keep_power(site: Site, wish: ChassisWish, *, moved: bool) -> str:
    """Within a life: have the wanted state, and leave a network boot that waits alone: this life's own is long spent.

    :param moved: the BMC is found elsewhere, or by another login, than in the last run. Then nothing is switched, and
        what is found is reported; the next run mends it, when it is settled whose BMC that is.
    :returns: the state now, `on` or `off`.
    """
    if wish.bmc is None:
        return PowerWish.ON.value
    with site.bmcs.open(wish.bmc, deadline=site.run.deadline(site.fleet.deadlines.power)) as bmc:
        now = bmc.power()
        if moved:
            return now.value
        if wish.power is PowerWish.ON and now is Power.OFF:
            bmc.power_on()
        elif wish.power is PowerWish.OFF and now is Power.ON:
            bmc.power_off(soft=SOFT_OFF)
    return wish.power.value


def reach_power(site: Site, wish: ChassisWish, ledger: Ledger) -> str:
    """Switch the host so that its life's boot happens: on, off, or through an install that was armed.

    A running host is power-cycled only when a network boot is armed and not consumed, which only :func:`arm_boot`
    does. Running it again after a crash finds the override consumed and leaves the host alone.

    :returns: the state reached, `on` or `off`.
    """
    if wish.bmc is None:
        return PowerWish.ON.value
    armed = False
    with site.bmcs.open(wish.bmc, deadline=site.run.deadline(site.fleet.deadlines.power)) as bmc:
        now = bmc.power()
        device = bmc.boot_device()
        armed = device.target is BootTarget.PXE and device.once
        if wish.power is PowerWish.ON or armed:
            if now is Power.OFF:
                bmc.power_on()
            elif armed:
                bmc.power_cycle()
        elif now is Power.ON:
            bmc.power_off(soft=SOFT_OFF)
    if wish.power is PowerWish.OFF and armed:
        _await_fresh_system(site, wish)
        with site.bmcs.open(wish.bmc, deadline=site.run.deadline(site.fleet.deadlines.power)) as bmc:
            bmc.power_off(soft=SOFT_OFF)
        ledger.write(wish.host, Entry(wish.generation))
    return wish.power.value


def release_power(site: Site, wish: ChassisWish, what: OnLeave) -> None:
    """Leave the chassis as the settings say for a host that is given back.

    :param what: keep it as it is, switch it off (soft, then hard), or reinstall it and leave it running.
    :raises BmcError: the BMC does not answer, unless the inventory says `lost: true`.
    """
    if wish.bmc is None or what is OnLeave.KEEP or wish.lost:
        return
    with site.bmcs.open(wish.bmc, deadline=site.run.deadline(site.fleet.deadlines.power)) as bmc:
        if what is OnLeave.OFF:
            bmc.power_off(soft=SOFT_OFF)
            return
        bmc.set_boot_device(BootTarget.PXE, once=True, efi=wish.efi)
        if bmc.power() is Power.ON:
            bmc.power_cycle()
        else:
            bmc.power_on()
    _await_fresh_system(site, wish)


def _await_fresh_system(site: Site, wish: ChassisWish) -> None:
    def fresh() -> bool | Pending:
        seen = observe_marker(site, wish.access)
        if seen is MarkerSight.ABSENT:
            return True
        return Pending(f"the old life {seen.life}" if isinstance(seen, Marker) else "SSH does not answer")

    wait_until(
        "the freshly installed system answers",
        fresh,
        deadline=site.run.deadline(site.fleet.deadlines.boot),
        fail=lambda late, seen: HostError(
            late,
            fault=HostFault.TIMEOUT,
            tried=(netboot_tried(wish), "power"),
            seen=seen,
            next_step=f"{LOOK}; then at the installer's log. Run the same command again",
        ),
        interval=2.0,
        host=wish.host,
    )
