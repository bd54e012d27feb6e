"""A node and its work part: taken off it, awaited elsewhere, and what is stuck dealt with as the settings say."""

from __future__ import annotations

from metal.cluster.docker.api import DockerApi
from metal.cluster.swarm.drain import WorkLeft, await_empty, drain, undrain
from metal.cluster.swarm.needed import refuse_needed, returns
from metal.cluster.swarm.record import SwarmRecord
from metal.cluster.swarm.wish import NodeWish
from metal.cluster.turn import turn
from metal.errors import ClusterError
from metal.plan.drain import stuck_policy
from metal.settings.fleet import OnStuck
from metal.site import Site
from metal.waiting import Deadline, Pending, wait_until

__all__ = ["await_failed", "await_parting", "take_work"]


def take_work(site: Site, wish: NodeWish, manager: DockerApi, node: str, *, deadline: Deadline) -> None:
    """Drain the node, unless services may run on no other one.

    :raises PlanRefused: with these services; nothing was touched.
    """
    # One at a time: of two that are drained at once each would be the other's place.
    with turn("drain", wish.cluster, host=wish.host, deadline=deadline):
        refuse_needed(site, wish.cluster, wish.host, manager, node)
        drain(manager, node, deadline=deadline, host=wish.host)


def await_parting(site: Site, wish: NodeWish, manager: DockerApi, own: DockerApi | None, node: str) -> None:
    """Wait until the drained node is empty and its work runs elsewhere; at the deadline `drain` do as `on_stuck` says.

    :param own: API of the node's own engine.
    :raises WorkLeft: work is left and the policy is to wait, or to stop: then the node has its work back.
    """
    try:
        await_empty(
            manager,
            own,
            node,
            returns=returns(site, wish.cluster, wish.host),
            deadline=site.run.deadline(site.fleet.deadlines.drain),
            host=wish.host,
        )
    except WorkLeft as stuck:
        policy = stuck_policy(site.fleet.facts(wish.host), wish.cluster, wish.on_stuck)
        if policy is OnStuck.FORCE:
            site.run.progress(f"{wish.host}: leaves with work still there, as asked (on_stuck: force): {stuck.seen}")
            return
        if policy is OnStuck.STOP:
            deadline = site.run.deadline(site.fleet.deadlines.swarm)
            after = undrain(manager, node, deadline=deadline, host=wish.host)
            stuck.what = f"its removal was stopped: {stuck.what}"
            stuck.tried = (*stuck.tried, f"set it back to {after} (on_stuck: stop)")
        else:
            stuck.tried = (*stuck.tried, "left it drained; the next run goes on waiting (on_stuck: wait)")
        raise


def await_failed(site: Site, record: SwarmRecord | None, host: str) -> None:
    """The second witness for a manager that nobody could switch off: after the swarm, gossip has to call it down.

    :raises ClusterError: it does not within the deadline `evict`.
    """
    if record is None:
        return
    deadline = site.run.deadline(site.fleet.deadlines.evict)

    def probe() -> bool | Pending:
        return record.gossip(host) != "passing" or Pending("Consul calls it alive (passing)")

    wait_until(
        "Consul calls it down",
        probe,
        deadline=deadline,
        fail=lambda late, seen: ClusterError(
            late,
            seen=seen,
            next_step="switch it off, or set lost: true in the inventory if it will never come back",
        ),
        host=host,
    )
