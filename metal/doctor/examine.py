"""Every host examined at once, each within its own deadline and all within the budgets of the BMCs."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from metal.bmc.budget import Budget
from metal.bmc.protocol import Power
from metal.chassis.ledger import Ledger
from metal.doctor.judge import judge
from metal.doctor.observe_bmc import observe_bmc
from metal.doctor.observe_host import observe_host
from metal.doctor.sight import BmcSight, HostSight, Machine
from metal.doctor.view import Report
from metal.errors import HostError
from metal.settings.fleet import HostFacts
from metal.settings.names import named_hosts
from metal.site import Site

__all__ = ["examine", "named"]

_AT_ONCE = 64


@dataclass(frozen=True)
class _How:
    ledger: Ledger
    budget: Budget
    read_only: bool


def examine(site: Site, names: Sequence[str] = (), *, ledger: Ledger, read_only: bool = False) -> Report:
    """Look at the named hosts; at every host in a pool where none is named. A host on hold or lost is not dialled.

    Nothing is changed, but that a boot override is set for a moment and taken away again: not with `read_only`, not on
    a host in no pool, and not where the ledger says that a run has armed an install.

    :raises InputError: a name that the inventory does not have.
    :raises Cancelled: the run was cancelled.
    """
    hosts = named(site, names)
    limits = site.fleet.limits
    how = _How(ledger, Budget(sessions=limits.bmc_sessions, per_subnet=limits.bmc_per_subnet), read_only)
    with ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="doctor") as threads:
        seen = {facts.name: threads.submit(_observe, site, facts, how) for facts in hosts}
        return Report({facts.name: judge(_machine(site, facts), seen[facts.name].result()) for facts in hosts})


def named(site: Site, names: Sequence[str]) -> tuple[HostFacts, ...]:
    """The hosts of these names, each once.

    :raises InputError: naming each that the inventory does not have.
    """
    return named_hosts(site.fleet, names) if names else tuple(site.fleet.hosts.values())


def _machine(site: Site, facts: HostFacts) -> Machine:
    untouched = f"on hold: {facts.hold}" if facts.hold else "given up (lost: true)" if facts.lost else ""
    return Machine(
        host=facts.name,
        address=facts.access.address,
        bmc=facts.bmc.address if facts.bmc else "",
        untouched=untouched,
        clock_bound=site.fleet.ready.clock_skew,
    )


def _observe(site: Site, facts: HostFacts, how: _How) -> HostSight:
    if facts.hold or facts.lost:
        return HostSight()
    bmc = _observe_bmc(site, facts, how)
    if bmc is not None and bmc.power is Power.OFF:
        return HostSight(bmc, ssh_skipped="is off")
    return HostSight(bmc, observe_host(site, facts))


def _observe_bmc(site: Site, facts: HostFacts, how: _How) -> BmcSight | None:
    if facts.bmc is None:
        return None
    wanted = site.fleet.hosts.get(facts.name)
    return observe_bmc(
        facts.bmc,
        credentials=site.credentials,
        budget=how.budget,
        pool=site.bmcs,
        run=site.run,
        patience=site.fleet.deadlines.bmc,
        skip_boot=_why_not(site, facts, how),
        efi=wanted.boot_mode.efi if wanted and wanted.boot_mode else None,
    )


def _why_not(site: Site, facts: HostFacts, how: _How) -> str:
    """Why the boot flags of a host are left alone; empty where they may be tried."""
    if how.read_only:
        return "read-only"
    if facts.name not in site.fleet.hosts:
        return "in no pool"
    try:
        entry = how.ledger.read(facts.name)
    except HostError as error:
        return error.what
    return "a run has armed an install" if entry and entry.armed else ""
