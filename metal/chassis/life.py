"""The middle of a machine life: begun when its system has shown itself to be the one asked for, ended by letting go."""

from __future__ import annotations

from dataclasses import replace

from metal.bmc.protocol import BootTarget
from metal.chassis.boot import boot_again
from metal.chassis.ledger import Entry, Ledger
from metal.chassis.netboot import tell_netboot
from metal.chassis.observe import is_off
from metal.chassis.power import reach_power
from metal.chassis.wish import ChassisWish
from metal.errors import BmcError, HostError, HostFault
from metal.host.plan import prove_new_life
from metal.host.ready import make_ready, release_host
from metal.host.wish import ReadyReport, ReadyWish
from metal.settings.access import Access, BmcAddress
from metal.site import Site

__all__ = ["begin_life", "end_life"]

_SILENT = (HostFault.UNREACHABLE, HostFault.TIMEOUT)


def begin_life(
    site: Site, access: Access, wish: ReadyWish, ledger: Ledger, chassis: ChassisWish | None = None
) -> ReadyReport:
    """Wait until the host is ready, prove a reinstall where one was due, and note the life in the ledger.

    :param chassis: for a life that has not been ready yet. Where an earlier run waited for it in vain, the boot that
        begins it is tried again first.
    :raises HostError: as :func:`make_ready`; OLD_SYSTEM too when an install was due and the old system answers.
    """
    before = ledger.read(wish.host)
    if chassis and before and before.missed == wish.life and boot_again(site, chassis, ledger):
        reach_power(site, chassis, ledger)

    def prove(report: ReadyReport) -> None:
        if before is not None and before.machine_id and (before.wipe or before.installed < wish.generation):
            old = replace(report, machine_id=before.machine_id, host_key=before.host_key)
            prove_new_life(old, report, host=wish.host)

    try:
        report = make_ready(site, access, wish, prove=prove)
    except HostError as error:
        if chassis and error.fault in (*_SILENT, HostFault.OLD_SYSTEM):
            ledger.note_missed(wish.host, wish.life)
            installing = before is not None and before.armed == wish.life
            _add_chassis(site, chassis, error, installing=installing)
            if installing and chassis.bmc:
                tell_netboot(chassis, error)
        raise
    if chassis and chassis.bmc and before and before.armed == wish.life:
        _settle_boot(site, chassis, chassis.bmc)
    site.deaths.forget(wish.host)
    ledger.write(wish.host, Entry(report.generation, machine_id=report.machine_id, host_key=report.host_key))
    return report


def end_life(
    site: Site,
    access: Access,
    wish: ReadyWish,
    ledger: Ledger,
    *,
    machine_id: str,
    wipe: bool,
    bmc: BmcAddress | None,
    lost: bool,
) -> None:
    """Let go of the host, so that whoever comes next may take it.

    A host that is switched off cannot be told; its claim stays on its disk, and the ledger knows better.

    :param access: with the host key of the life that ends.
    :param machine_id: of its system; with the key, what a reinstall has to differ from.
    :param wipe: the next life must begin with an install.
    :raises HostError: it is on, or may be, and cannot be reached: a claim must not be left behind unsaid.
    """
    # Another workstation may have begun this life: what is remembered here is what the state says, not an older line.
    if site.is_replaced(wish.host):
        # What is remembered is about the metal that goes; the next life begins on disks that nobody has looked at.
        ledger.forget(wish.host)
        _release_former(site, access, wish)
        return
    known = ledger.read(wish.host)
    installed = max(known.installed if known else 0, wish.generation)
    ledger.write(wish.host, Entry(installed, wipe=wipe, machine_id=machine_id, host_key=access.host_key or ""))
    if lost:
        return
    death = site.deaths.known(wish.host)
    if death is not None:
        death.check_left(wish.host)
        # What was found for its cluster holds here too: its claim stays on its disk, or went with its system.
        site.run.progress(f"{wish.host}: {death.how}, so its marker is left as it is")
        return
    try:
        release_host(site, access, wish, wipe=wipe)
    except HostError as error:
        if error.fault in _SILENT and bmc is not None and is_off(site, bmc):
            site.run.progress(f"{wish.host}: is off, so its marker stays as it is")
            return
        error.next_step = "make it reachable, switch it off, or set lost: true in the inventory to give it up"
        raise


def _release_former(site: Site, access: Access, wish: ReadyWish) -> None:
    """Release the old metal's marker where it still answers, for whoever uses that server next."""
    try:
        release_host(site, access, wish, wipe=True)
    except HostError as error:
        if not site.is_gone(wish.host, error):
            raise
        site.run.progress(f"{wish.host}: the old system does not answer; its marker stays on its disk")


def _settle_boot(site: Site, wish: ChassisWish, bmc: BmcAddress) -> None:
    """The install is done, and what boots from now on is set.

    A BMC that kept the one-shot network boot would do it again at the next power on.
    """
    lasting = BootTarget(wish.boot_device.value)
    with site.bmcs.open(bmc, deadline=site.run.deadline(site.fleet.deadlines.bmc)) as session:
        if session.boot_device().once or lasting is not BootTarget.DEFAULT:
            session.set_boot_device(lasting, once=False, efi=wish.efi)


def _add_chassis(site: Site, chassis: ChassisWish, error: HostError, *, installing: bool) -> None:
    """What the BMC says of a host that does not answer tells a dark chassis from a hanging system.

    :param installing: then its boot device is told too: a one-shot that still waits was never looked at by firmware.
    """
    if chassis.bmc is None or error.fault not in _SILENT:
        return
    try:
        with site.bmcs.open(chassis.bmc, deadline=site.run.deadline(site.fleet.deadlines.bmc)) as session:
            found = f"chassis power is {session.power()}"
            if installing:
                found += f", boot device {session.boot_device()}"
    except BmcError as silent:
        found = f"its BMC: {silent.what}"
    error.seen = f"{error.seen}; {found}" if error.seen else found
