"""Bring one host into the container manager: ring members one after another, then every other node."""

from __future__ import annotations

from metal.cluster.stackengine.driver import Driver, NodeSettings, driver_for
from metal.cluster.stackengine.plan import RingSight, Start, decide_seed, is_outlived, missing_registrations
from metal.cluster.stackengine.record import RingRecord, open_ring_record
from metal.cluster.stackengine.rekey import needs_rekey, rekey
from metal.cluster.stackengine.remove import step_down
from metal.cluster.stackengine.ring import dialable, observe_ring, wanted_admins
from metal.cluster.stackengine.wish import ManagerNodeReport, ManagerNodeWish
from metal.cluster.turn import turn
from metal.errors import ClusterError
from metal.host.ssh import Ssh
from metal.plan.verdict import Wait
from metal.site import Site
from metal.waiting import Deadline, Pending, wait_until

__all__ = ["ensure_manager_node"]


def ensure_manager_node(site: Site, wish: ManagerNodeWish) -> ManagerNodeReport:
    """Have the host a node of its cluster's container manager, known to the ring and knowing it. Idempotent.

    Ring members take the cluster's turn: the first founds the ring, each next one registers with a living member, and
    the turn ends only when both sides see each other. Other nodes need a living ring member and no turn. Where the key
    changed, all running nodes take the new one before the first is restarted with it.

    :raises PlanRefused: the driver `none`.
    :raises HostError: the host, its download or its unit failed.
    :raises ClusterError: no ring member answers, or the registration did not show on both sides, within `manager`.
    """
    driver = driver_for(wish.driver)
    key = site.credentials.manager_key(wish.key)
    ssh = site.ssh.connect(wish.access, deadline=site.run.deadline(site.fleet.deadlines.ssh))
    seconds = site.fleet.deadlines.manager * max(1, len(wanted_admins(site, wish.cluster)))
    if not wish.admin:
        step_down(site, wish, ssh)
        if needs_rekey(driver, ssh, key):
            with turn("stackengine", wish.cluster, host=wish.host, deadline=site.run.deadline(seconds)):
                rekey(site, driver, wish, key)
        with open_ring_record(site, wish.cluster) as record:
            return _bring(site, driver, ssh, wish, key, record)
    with (
        turn("stackengine", wish.cluster, host=wish.host, deadline=site.run.deadline(seconds)),
        open_ring_record(site, wish.cluster) as record,
    ):
        if needs_rekey(driver, ssh, key):
            rekey(site, driver, wish, key)
        report = _bring(site, driver, ssh, wish, key, record)
        record.add(wish.host, wish.address)
        return report


def _bring(
    site: Site, driver: Driver, ssh: Ssh, wish: ManagerNodeWish, key: str, record: RingRecord
) -> ManagerNodeReport:
    deadline = site.run.deadline(site.fleet.deadlines.manager)
    decision, outlived = _await_decision(site, driver, ssh, wish, key, record, deadline)
    site.run.progress(f"{wish.host}: container manager: {decision.reason}")
    if wish.admin and decision.seed is None:
        # Before the ring exists: a run that ends in between must not let another host found a second one.
        record.add(wish.host, wish.address)
    if outlived:
        site.run.progress(f"{wish.host}: container manager: the ring took it out while it was away; it starts afresh")
        driver.clear(ssh, deadline=deadline)
    settings = NodeSettings(key, wish.admin, decision.seed, wish.address, wish.artifact)
    driver.ensure(ssh, settings, deadline=deadline)
    version = _await_registration(site, driver, ssh, wish, key, deadline)
    return ManagerNodeReport(wish.host, wish.cluster, wish.admin, version)


def _await_decision(
    site: Site, driver: Driver, ssh: Ssh, wish: ManagerNodeWish, key: str, record: RingRecord, deadline: Deadline
) -> tuple[Start, bool]:
    """Whom it starts with, and whether what it knows from before is to be cleared first."""
    said: list[str] = []

    def probe() -> tuple[Start, bool] | Pending:
        recorded = frozenset(name for name in record.read() if name == wish.host or _may_live(site, name))
        wanted = wanted_admins(site, wish.cluster)
        names = [name for name in dialable(site, {*wanted, *recorded}) if name != wish.host]
        ring, said[:] = observe_ring(site, driver, names, key, deadline=deadline)
        living = {name: site.access(name).address for name in ring}
        running = driver.observe(ssh)
        leaving = frozenset(living) - frozenset(wanted)
        decision = decide_seed(RingSight(wish.host, wish.address, wish.admin, running, living, recorded, leaving))
        if isinstance(decision, Wait):
            return Pending("; ".join([decision.reason, *said]))
        return decision, is_outlived(wish.host, running, ring, recorded=recorded)

    def fail(late: str, seen: str) -> ClusterError:
        return ClusterError(
            late,
            seen=seen,
            next_step="bring one of the ring members back; if the ring is lost for good, mark its hosts `lost: true`, "
            f"or delete metalswarm/{wish.cluster}/ring/ in Consul, and run again",
        )

    return wait_until(
        f"a container manager to register {wish.host} with", probe, deadline=deadline, fail=fail, host=wish.host
    )


def _may_live(site: Site, name: str) -> bool:
    facts = site.fleet.facts(name)
    return facts is not None and not facts.lost


def _await_registration(
    site: Site, driver: Driver, ssh: Ssh, wish: ManagerNodeWish, key: str, deadline: Deadline
) -> str:
    others = [name for name in wanted_admins(site, wish.cluster) if name != wish.host]

    def probe() -> str | Pending:
        try:
            with driver.open(ssh, key) as api:
                version, own = api.version(), api.nodes()
        except ClusterError as error:
            return Pending(f"{error.what} ({error.seen})")
        ring, _ = observe_ring(site, driver, others, key, deadline=deadline)
        missing = missing_registrations(wish.host, admin=wish.admin, address=wish.address, own=own, ring=ring)
        return Pending("; ".join(missing)) if missing else version

    def fail(late: str, seen: str) -> ClusterError:
        return ClusterError(
            late,
            seen=seen,
            next_step="look at the controller's log and journal on that host and on a ring member, then run again",
        )

    return wait_until(
        f"the container managers and {wish.host} know each other", probe, deadline=deadline, fail=fail, host=wish.host
    )
