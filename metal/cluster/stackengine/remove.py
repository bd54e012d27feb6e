"""Take one host out of the container manager: stopped there, deregistered by the living side, cleared."""

from __future__ import annotations

from dataclasses import replace

from metal.cluster.patience import patience
from metal.cluster.reach import reach_leaver
from metal.cluster.stackengine.driver import Driver, driver_for
from metal.cluster.stackengine.plan import removal_waits_for
from metal.cluster.stackengine.record import RingRecord, open_ring_record
from metal.cluster.stackengine.ring import dialable, node_api, observe_ring, wanted_admins
from metal.cluster.stackengine.wish import ManagerNodeWish
from metal.cluster.turn import turn
from metal.errors import ClusterError, PlanRefused
from metal.host.ssh import Ssh
from metal.plan.verdict import Refuse, Wait
from metal.site import Site
from metal.waiting import Deadline, Pending, wait_until

__all__ = ["remove_manager_node", "step_down"]


def remove_manager_node(site: Site, wish: ManagerNodeWish, *, dissolving: bool) -> None:
    """Have the host no node of its container manager, and nothing of it left there; succeeds when it is gone.

    A ring member goes only when the wanted ones are active without it (add before remove). A host that does not answer
    within the deadline `evict` is deregistered by the ring all the same.

    :param dissolving: the whole cluster goes away: nobody is told.
    :raises PlanRefused: it is the last ring member of a cluster that stays.
    :raises ClusterError: no ring member took over in time, or none deregistered it within the deadline `manager`.
    """
    driver = driver_for(wish.driver)
    ssh = reach_leaver(site, wish.access, instead="the ring deregisters it")
    if not dissolving:
        if wish.admin:
            _leave_ring(site, driver, wish, ssh)
        else:
            _deregister(site, driver, wish, ssh)
    if ssh is not None:
        driver.clear(ssh, deadline=site.run.deadline(site.fleet.deadlines.manager))


def step_down(site: Site, wish: ManagerNodeWish, ssh: Ssh) -> None:
    """Take a host that is to be a plain node out of the ring that it still belongs to; nothing when it does not."""
    driver = driver_for(wish.driver)
    running = driver.observe(ssh)
    if running is None or not running.admin:
        return
    remove_manager_node(site, replace(wish, admin=True), dissolving=False)


def _leave_ring(site: Site, driver: Driver, wish: ManagerNodeWish, ssh: Ssh | None) -> None:
    """A ring member that is to take over needs the turn to register, so it is waited for without holding it."""
    limits, members = site.fleet.deadlines, max(1, len(wanted_admins(site, wish.cluster)))
    # The one that takes over may have to be installed and to join the swarm first.
    whole = site.run.deadline(patience(site, wish.cluster) + members * limits.manager)
    while True:
        with open_ring_record(site, wish.cluster) as record:
            names = _others(site, wish, record)
        _await_permission(site, driver, wish, names, whole)
        with turn("stackengine", wish.cluster, host=wish.host, deadline=site.run.deadline(members * limits.manager)):
            # Another ring member may have gone while this one waited for its turn.
            if isinstance(_ask_ring(site, driver, wish, names, site.run.deadline(limits.manager)), str):
                _deregister(site, driver, wish, ssh)
                return


def _others(site: Site, wish: ManagerNodeWish, record: RingRecord) -> list[str]:
    """The hosts that may be in the ring, this one left out."""
    wanted = wanted_admins(site, wish.cluster)
    return [name for name in dialable(site, {*wanted, *record.read()}) if name != wish.host]


def _deregister(site: Site, driver: Driver, wish: ManagerNodeWish, ssh: Ssh | None) -> None:
    # The ring's key of now: it may have been changed since the wish was made.
    cluster = site.fleet.clusters.get(wish.cluster)
    key = site.credentials.manager_key(cluster.manager.key if cluster is not None else wish.key)
    deadline = site.run.deadline(site.fleet.deadlines.manager)
    with open_ring_record(site, wish.cluster) as record:
        names = _others(site, wish, record)
        through = _await_permission(site, driver, wish, names, deadline)
        if ssh is not None:
            # First, so that it does not register again.
            driver.stop(ssh, deadline=deadline)
        with node_api(site, driver, through, key, deadline=deadline) as api:
            api.remove(wish.host)
        _await_forgotten(site, driver, wish, key, names, deadline)
        record.remove(wish.host)


def _await_permission(site: Site, driver: Driver, wish: ManagerNodeWish, names: list[str], deadline: Deadline) -> str:
    """The ring member to deregister the host through, once it may go."""
    return wait_until(
        f"the ring can do without {wish.host}",
        lambda: _ask_ring(site, driver, wish, names, deadline),
        deadline=deadline,
        fail=_late,
        host=wish.host,
    )


def _ask_ring(site: Site, driver: Driver, wish: ManagerNodeWish, names: list[str], deadline: Deadline) -> str | Pending:
    """A ring member that would deregister the host at this moment, or what its going has to wait for."""
    key = site.credentials.manager_key(wish.key)
    ring, said = observe_ring(site, driver, names, key, deadline=deadline)
    nodes = next(iter(ring.values()), ())
    wanted = frozenset(wanted_admins(site, wish.cluster))
    verdict = removal_waits_for(wish.host, admin=wish.admin, wanted=wanted, nodes=nodes)
    if isinstance(verdict, Refuse):
        raise PlanRefused(verdict.reason, host=wish.host, next_step=verdict.next_step)
    if not ring:
        return Pending("; ".join(said) or "the cluster has no other ring member")
    return Pending(verdict.reason) if isinstance(verdict, Wait) else next(iter(ring))


def _await_forgotten(
    site: Site, driver: Driver, wish: ManagerNodeWish, key: str, names: list[str], deadline: Deadline
) -> None:
    def probe() -> bool | Pending:
        ring, _ = observe_ring(site, driver, names, key, deadline=deadline)
        still = [name for name, nodes in ring.items() if any(node.name == wish.host for node in nodes)]
        return Pending(f"still listed by {', '.join(still)}") if still else True

    wait_until(f"the ring has forgotten {wish.host}", probe, deadline=deadline, fail=_late, host=wish.host)


def _late(late: str, seen: str) -> ClusterError:
    return ClusterError(
        late, seen=seen, next_step="bring a ring member back (`systemctl status stackengine` there), then run again"
    )
