"""Waits until the managers that the settings want form the swarm."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from metal.cluster.patience import patience
from metal.cluster.swarm.living import LivingManagers
from metal.cluster.swarm.patience import missing_managers
from metal.errors import ClusterError
from metal.plan.majority import majority
from metal.site import Site
from metal.waiting import Pending, wait_until

__all__ = ["FormedReport", "wait_formed"]


@dataclass(frozen=True)
class FormedReport:
    """:ivar swarm: its id.
    :ivar missing: wanted managers that were not there in time, although a majority was.
    """

    swarm: str
    missing: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "missing": list(self.missing)}


def wait_formed(site: Site, cluster: str) -> FormedReport:
    """Wait until every wanted manager is ready and reachable; changes nothing.

    Once a majority is, the rest have the deadline `swarm` for each manager; then the workers may go on without them,
    and the progress names them. Managers on hold are not waited for.

    :raises ClusterError: no majority in time.
    """
    wish = site.fleet.clusters[cluster]
    living = LivingManagers(site, cluster)
    deadline = site.run.deadline(patience(site, cluster))
    grace = site.fleet.deadlines.swarm * len(wish.managers)
    enough_since: float | None = None

    def probe() -> FormedReport | Pending:
        nonlocal enough_since
        with living.open(None) as found:
            if found is None:
                return Pending(living.seen)
            view = found[1]
            missing = missing_managers(site, cluster, view, but="")
            if not missing:
                return FormedReport(view.swarm)
            there = [name for name in wish.managers if any(node.reachable for node in view.lives_of(name))]
            if len(there) < majority(len(wish.managers)):
                return Pending(f"not yet manager: {', '.join(missing)}")
            now = site.run.clock()
            enough_since = now if enough_since is None else enough_since
            if now - enough_since < grace:
                return Pending(f"not yet manager: {', '.join(missing)}")
            site.run.progress(f"{cluster}: goes on without the managers {', '.join(missing)}; a majority stands")
            return FormedReport(view.swarm, missing)

    return wait_until(
        f"the managers of {cluster} form a swarm",
        probe,
        deadline=deadline,
        fail=lambda late, seen: ClusterError(
            late,
            seen=seen,
            next_step="look at the errors of the managers named here, then run again",
        ),
        interval=2,
    )
