"""Begin a machine life: decide whether it needs an install, and set the boot device for it."""

from __future__ import annotations

from dataclasses import dataclass

from metal.bmc.protocol import BootTarget, Power
from metal.chassis.ledger import Ledger
from metal.chassis.observe import observe_marker, observe_power
from metal.chassis.retire import retire_metal
from metal.chassis.wish import ChassisWish
from metal.errors import HostError, HostFault
from metal.plan.boot import BootSight, Decision, Install, Keep, MarkerSight, Probe, Refuse, decide_again, decide_boot
from metal.plan.identity import other_bmc
from metal.plan.override import waives
from metal.plan.quorum import Rule
from metal.settings.access import BmcAddress
from metal.settings.fleet import FirmwareMode, PowerWish
from metal.site import Site
from metal.waiting import Pending, wait_until

__all__ = ["BootReport", "arm_boot", "boot_again", "disarm_boot", "keep_boot", "lasting_device", "observe_boot"]


@dataclass(frozen=True)
class BootReport:
    """What a life began with.

    :ivar device: the lasting boot device as it is wanted; one-shot overrides are no state.
    :ivar installed: generation of the system that this life boots; 0 where it is taken as it is.
    :ivar guid: which machine the BMC belongs to; empty where it does not tell.
    """

    device: str
    installed: int
    guid: str = ""


def observe_boot(site: Site, wish: ChassisWish, ledger: Ledger, *, probed: bool = False) -> BootSight:
    """See what the boot decision needs: power, marker, and what the ledger remembers."""
    on = wish.bmc is None or observe_power(site, wish.bmc) is Power.ON
    remembered = ledger.read(wish.host)
    return BootSight(
        power_on=on,
        marker=observe_marker(site, wish.access) if on else MarkerSight.UNREACHABLE,
        owner=wish.owner,
        generation=wish.generation,
        wants_power=wish.power is PowerWish.ON,
        blank=wish.blank,
        lost=wish.lost,
        has_bmc=wish.bmc is not None,
        remembered=remembered.installed if remembered else None,
        released_here=remembered is not None,
        wipe_remembered=bool(remembered and remembered.wipe),
        # A run that was cut short in its probe, or after deciding on it, left the host on; nobody else started it.
        probed=probed or bool(remembered and (remembered.probing or remembered.armed == wish.life)),
    )


def arm_boot(site: Site, wish: ChassisWish, ledger: Ledger) -> BootReport:
    """Decide on this life's first boot and set the boot device for it; power is not changed, except for a probe.

    Safe to run again: an install that was armed and not yet carried out is armed again.

    :raises HostError: the host is another's, or wiping it was not asked for in so many words.
    """
    sight = observe_boot(site, wish, ledger)
    decision = decide_boot(sight)
    if isinstance(decision, Probe):
        site.run.progress(f"{wish.host}: {decision.reason}")
        ledger.note_probe(wish.host)
        _probe(site, wish)
        sight = observe_boot(site, wish, ledger, probed=True)
        decision = decide_boot(sight)
    installing, guid = _set_device(site, wish, sight, decision)
    # The ledger learns of an install only when the new system has shown itself; until then a crash arms it again.
    ledger.note_boot(wish.host, wish.life, installing=installing)
    # Where an install comes first, the lasting device is set after it: a BMC knows one override at a time.
    return BootReport(wish.boot_device.value, wish.generation if installing else _installed(sight), guid)


def keep_boot(site: Site, wish: ChassisWish, installed: int, *, guid: str = "") -> BootReport:
    """Within a life nothing is decided anew: only the lasting boot device is put right.

    A pending one-shot stays: it may be the install that begins this life.

    :param installed: as the life began.
    :param guid: of the machine that it began on; empty where that is not known.
    :raises HostError: NOT_OURS: the BMC belongs to another machine; nothing was changed on it.
    """
    if wish.bmc:
        with site.bmcs.open(wish.bmc, deadline=site.run.deadline(site.fleet.deadlines.bmc)) as bmc:
            seen = bmc.guid()
            _check_same(site, wish, guid, seen)
            guid = seen or guid
            if not bmc.boot_device().once:
                bmc.set_boot_device(BootTarget(wish.boot_device.value), once=False, efi=wish.efi)
    return BootReport(wish.boot_device.value, installed, guid)


def boot_again(site: Site, wish: ChassisWish, ledger: Ledger) -> bool:
    """For a life whose system was waited for in vain in an earlier run: set the boot device for another try.

    :returns: whether power has to act on it; False where the host answers by now, or may only be waited for.
    :raises HostError: as :func:`arm_boot`.
    """
    known = ledger.read(wish.host)
    armed = known is not None and known.armed == wish.life
    sight = observe_boot(site, wish, ledger)
    decision = decide_again(sight, armed=armed)
    if isinstance(decision, Keep):
        site.run.progress(f"{wish.host}: {decision.reason}")
        return False
    _set_device(site, wish, sight, decision)
    return True


def disarm_boot(
    site: Site, wish: ChassisWish, ledger: Ledger, *, installed: int, superseded: bool, guid: str = ""
) -> None:
    """End a life: boot device back to its default. What is known of the host is forgotten with its last life.

    Metal that another one takes the place of is switched off instead, as far as its own BMC can be told apart.

    :param installed: generation that the life which ends has reported.
    :param superseded: another life of ours follows.
    :param guid: which machine that life began on; empty where that is not known.
    :raises BmcError: the BMC does not answer, unless the inventory says `lost: true`.
    """
    if site.is_replaced(wish.host):
        retire_metal(site, wish, guid)
        ledger.forget(wish.host)
        return
    if wish.bmc and not wish.lost:
        with site.bmcs.open(wish.bmc, deadline=site.run.deadline(site.fleet.deadlines.bmc)) as bmc:
            bmc.set_boot_device(BootTarget.DEFAULT, once=False, efi=None)
    if superseded:
        ledger.note_installed(wish.host, installed)
    else:
        ledger.forget(wish.host)


def lasting_device(site: Site, wish: ChassisWish, bmc: BmcAddress) -> str:
    """The lasting boot device; a pending one-shot override reads as `default`.

    Where the life asks for a mode and another one stands, that one is named too, so that it shows as drift.
    """
    with site.bmcs.open(bmc, deadline=site.run.deadline(site.fleet.deadlines.bmc)) as session:
        device = session.boot_device()
    if device.once or device.target is BootTarget.DEFAULT:
        return "default"
    if wish.efi in (None, device.efi):
        return device.target.value
    mode = "no mode" if device.efi is None else (FirmwareMode.UEFI if device.efi else FirmwareMode.LEGACY).value
    return f"{device.target.value} ({mode})"


def _check_same(site: Site, wish: ChassisWish, known: str, seen: str) -> None:
    assert wish.bmc is not None
    other = other_bmc(known, seen, address=wish.bmc.address)
    if other is None:
        return
    if waives(site.fleet.overrides_of(wish.host), Rule.IDENTITY):
        site.run.progress(f"{wish.host}: identity overridden: {other.reason}")
        return
    raise HostError(
        f"{other.reason}; nothing was changed on it",
        fault=HostFault.NOT_OURS,
        host=wish.host,
        tried=("login to the BMC, which tells whose it is",),
        seen=f"GUID {seen}",
        next_step=other.next_step,
    )


def _set_device(site: Site, wish: ChassisWish, sight: BootSight, decision: Decision) -> tuple[bool, str]:
    """Refuse, or set the boot device that was decided on; whether it is an install, and the BMC's GUID."""
    if isinstance(decision, Refuse):
        raise HostError(
            decision.reason, fault=HostFault.NOT_OURS, host=wish.host, seen=_seen(sight), next_step=decision.next_step
        )
    installing = isinstance(decision, Install)
    site.run.progress(f"{wish.host}: {decision.reason}{': installing' if installing else ''}")
    guid = ""
    if wish.bmc:
        with site.bmcs.open(wish.bmc, deadline=site.run.deadline(site.fleet.deadlines.bmc)) as bmc:
            guid = bmc.guid()
            lasting = BootTarget(wish.boot_device.value)
            bmc.set_boot_device(BootTarget.PXE if installing else lasting, once=installing, efi=wish.efi)
    return installing, guid


def _probe(site: Site, wish: ChassisWish) -> None:
    """Boot from disk once and wait until somebody answers or the probe's deadline has passed."""
    assert wish.bmc is not None
    with site.bmcs.open(wish.bmc, deadline=site.run.deadline(site.fleet.deadlines.power)) as bmc:
        bmc.set_boot_device(BootTarget.DEFAULT, once=False, efi=None)
        bmc.power_on()

    def answer() -> bool | Pending:
        return Pending("nothing answers") if observe_marker(site, wish.access) is MarkerSight.UNREACHABLE else True

    try:
        wait_until(
            "a system on its disk to answer, before anything is installed",
            answer,
            deadline=site.run.deadline(site.fleet.deadlines.probe),
            fail=lambda late, seen: HostError(late, fault=HostFault.TIMEOUT, seen=seen),
            host=wish.host,
        )
    except HostError as error:
        # Silence is an answer here; the decision that follows knows that the host was probed.
        if error.fault is not HostFault.TIMEOUT:
            raise


def _installed(sight: BootSight) -> int:
    if isinstance(sight.marker, MarkerSight):
        return sight.remembered or 0
    return sight.marker.generation if sight.marker.owner == sight.owner else 0


def _seen(sight: BootSight) -> str:
    power = "on" if sight.power_on else "off"
    if isinstance(sight.marker, MarkerSight):
        return f"power {power}, marker {sight.marker.value}"
    return f"power {power}, marker of {sight.marker.owner}, life {sight.marker.life} ({sight.marker.state})"
