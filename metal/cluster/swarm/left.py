"""Has a host out of its swarm before anything under its membership goes, whichever of its links goes first.

Usually that is the membership itself, and the others find it done. Two cases are not usual. A host that goes to another
cluster begins two new lives at once, that of its engine and that of its Consul member; the membership is taken down for
one of them, and the other does not wait for that. And a join that was cut short before anybody could write it down has
made a node that no link knows of.
"""

from __future__ import annotations

from metal.cluster.patience import patience
from metal.cluster.swarm.leave import remove_node
from metal.cluster.swarm.record import SwarmRecord
from metal.cluster.swarm.wish import NodeWish
from metal.errors import ClusterError
from metal.site import Site
from metal.waiting import Pending, wait_until

__all__ = ["ensure_left"]

# For how long nobody may have begun, before it is clear that nobody will: the engine calls the links of one host within
# moments of each other.
_IDLE_SECONDS = 8.0


def ensure_left(
    site: Site,
    wish: NodeWish,
    record: SwarmRecord | None,
    *,
    dissolving: bool,
    dead: bool,
    give_up: bool,
    others: bool = False,
) -> None:
    """Have the host out of its swarm, as :func:`remove_node` does, once a run.

    :param others: another link of the host may be about to do the same; it goes first.
    :raises ClusterError: also: another link of the host failed in this run.
    """
    if others:
        _await_others(site, wish)
    with site.partings.turn(wish.host):
        if site.partings.has_left(wish.host, wish.cluster):
            return
        remove_node(site, wish, record, dissolving=dissolving, dead=dead, give_up=give_up)
        site.partings.note_left(wish.host, wish.cluster)


def _await_others(site: Site, wish: NodeWish) -> None:
    """Wait until the membership's own link has taken the host out, or nobody is about to."""
    host, deadline = wish.host, site.run.deadline(patience(site, wish.cluster))
    idle_since: float | None = None

    def probe() -> bool | Pending:
        nonlocal idle_since
        if site.partings.has_left(host, wish.cluster):
            return True
        if site.partings.is_leaving(host):
            idle_since = None
            return Pending("it is leaving")
        if host in site.places.failures():
            raise ClusterError(
                f"it has not left the swarm of {wish.cluster}, and nothing under its membership is taken down before",
                host=host,
                seen="another link of this host failed in this run",
                next_step="mend what failed there first, then run again",
            )
        now = site.run.clock()
        idle_since = now if idle_since is None else idle_since
        return now - idle_since >= _IDLE_SECONDS or Pending("no link of it has begun to leave yet")

    wait_until(
        f"{host} has left the swarm of {wish.cluster}",
        probe,
        deadline=deadline,
        fail=lambda late, seen: ClusterError(
            late,
            seen=seen,
            next_step="see what its own link says, then run again",
        ),
        host=host,
    )
