"""Begin a machine life: decide whether it needs an install, and set the boot device for it."""

from __future__ import annotations

from dataclasses import dataclass

from metal.bmc.protocol import BootTarget, Power
from metal.chassis.ledger import Entry, Ledger
from metal.chassis.observe import observe_marker, observe_power
from metal.chassis.wish import ChassisWish
from metal.errors import HostError, HostFault
from metal.host.marker import Marker
from metal.plan.boot import (
    BootDisk,
    BootSight,
    Decision,
    Install,
    Keep,
    MarkerSight,
    Probe,
    Refuse,
    decide_boot,
)
from metal.settings.access import BmcAddress
from metal.settings.fleet import PowerWish
from metal.site import Site
from metal.waiting import Pending, wait_until

__all__ = ["BootReport", "arm_boot", "disarm_boot", "observe_boot"]


@dataclass(frozen=True)
class BootReport:
    """What a life began with.

    :ivar device: the lasting boot device; always `default`: one-shot overrides are no state.
    :ivar installed: generation the host has, or is about to be installed with.
    """

    device: str
    installed: int


def observe_boot(site: Site, wish: ChassisWish, ledger: Ledger, *, probed: bool = False) -> BootSight:
    """See what the boot decision needs: power, marker, and what the ledger remembers."""
    power = observe_power(site, wish.bmc) if wish.bmc else Power.ON
    marker = observe_marker(site, wish.access) if power is Power.ON else MarkerSight.UNREACHABLE
    remembered = ledger.read(wish.host)
    return BootSight(
        power_on=power is Power.ON,
        marker=marker,
        owner=wish.owner,
        generation=wish.generation,
        wants_power=wish.power is PowerWish.ON,
        blank=wish.blank,
        lost=wish.lost,
        has_bmc=wish.bmc is not None,
        remembered=remembered.installed if remembered else None,
        released_here=bool(remembered and remembered.released),
        wipe_remembered=bool(remembered and remembered.wipe),
        probed=probed,
    )


def arm_boot(site: Site, wish: ChassisWish, ledger: Ledger) -> BootReport:
    """Decide on this life's first boot and set the boot device for it; power is not changed, except for a probe.

    Safe to run again: an install that was armed and not yet carried out is armed again.

    :raises HostError: the host is another's, or wiping it was not asked for in so many words.
    """
    sight = observe_boot(site, wish, ledger)
    decision = decide_boot(sight)
    if isinstance(decision, Probe):
        decision = _probe(site, wish, ledger)
    site.run.progress(f"{wish.host}: {decision.reason}")
    if isinstance(decision, Refuse):
        raise HostError(
            decision.reason, fault=HostFault.NOT_OURS, host=wish.host, seen=str(sight.marker), next_step=decision.next_step
        )
    installing = isinstance(decision, Install)
    if wish.bmc:
        with site.bmcs.open(wish.bmc, deadline=site.run.deadline(site.fleet.deadlines.bmc)) as bmc:
            bmc.set_boot_device(BootTarget.PXE if installing else BootTarget.DEFAULT, once=installing, efi=False)
    installed = wish.generation if installing else _known_generation(sight, decision)
    # An armed install is written down only once it is proven (HostReady); until then a crash must arm it again.
    if not installing:
        ledger.write(wish.host, Entry(installed))
    return BootReport("default", installed)


def disarm_boot(site: Site, wish: ChassisWish, ledger: Ledger, *, superseded: bool, installed: int) -> None:
    """End a life: boot device back to its default. A superseded life leaves a line in the ledger, a final one none.

    :raises BmcError: the BMC does not answer, unless the inventory says `lost: true`.
    """
    if wish.bmc and not wish.lost:
        with site.bmcs.open(wish.bmc, deadline=site.run.deadline(site.fleet.deadlines.bmc)) as bmc:
            bmc.set_boot_device(BootTarget.DEFAULT, once=False, efi=False)
    if superseded:
        before = ledger.read(wish.host)
        ledger.write(wish.host, Entry(installed, released=True, wipe=bool(before and before.wipe)))
    else:
        ledger.forget(wish.host)


def lasting_device(site: Site, bmc: BmcAddress) -> str:
    """The lasting boot device; a pending one-shot override reads as `default`."""
    with site.bmcs.open(bmc, deadline=site.run.deadline(site.fleet.deadlines.bmc)) as session:
        device = session.boot_device()
    return "default" if device.once else device.target.value


def _probe(site: Site, wish: ChassisWish, ledger: Ledger) -> Decision:
    """Boot from disk once and look who answers, before anything is wiped."""
    assert wish.bmc is not None
    deadlines = site.fleet.deadlines
    with site.bmcs.open(wish.bmc, deadline=site.run.deadline(deadlines.power)) as bmc:
        bmc.set_boot_device(BootTarget.DEFAULT, once=False, efi=False)
        bmc.power_on()

    def answer() -> bool | Pending:
        seen = observe_marker(site, wish.access)
        return Pending("nothing answers") if seen is MarkerSight.UNREACHABLE else True

    try:
        wait_until(
            "a system on its disk to answer, before it is installed",
            answer,
            deadline=site.run.deadline(deadlines.probe),
            fail=lambda what, seen: HostError(what, fault=HostFault.TIMEOUT, seen=seen),
            host=wish.host,
        )
    except HostError as error:
        if error.fault is not HostFault.TIMEOUT:
            raise
    return decide_boot(observe_boot(site, wish, ledger, probed=True))


def _known_generation(sight: BootSight, decision: Decision) -> int:
    """The generation that a host which is not installed now is known to have."""
    if isinstance(decision, Keep | BootDisk) and isinstance(sight.marker, Marker):
        return sight.marker.generation
    return sight.remembered or 0
