"""Restarts the engine of a swarm's manager while the other managers carry the swarm: one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from metal.cluster.docker.api import DockerApi, EngineRefused, EngineSilent
from metal.cluster.docker.wish import EngineWish
from metal.cluster.turn import turn
from metal.errors import ClusterError, MetalError
from metal.host.ssh import Ssh
from metal.plan.majority import may_restart
from metal.site import Site
from metal.waiting import Pending, wait_until

__all__ = ["carried"]

_ASK_SECONDS = 10.0


@contextmanager
def carried(site: Site, ssh: Ssh, wish: EngineWish) -> Iterator[None]:
    """Around the restart of an engine: a manager's waits for its turn, for the majority, and for its return.

    Nothing is waited for on a worker, on an engine that is down, and where the swarm has no leader anyway.

    :raises ClusterError: the others cannot do without it, or it did not come back within the deadline `swarm`.
    """
    if not _is_manager(ssh):
        yield
        return
    deadlines = site.fleet.deadlines
    cluster = site.fleet.clusters.get(wish.authority)
    many = len(cluster.managers) if cluster is not None else 1
    mine = site.run.deadline((deadlines.engine + deadlines.swarm) * many)
    with turn("engine", wish.authority, host=wish.host, deadline=mine):
        deadline = site.run.deadline(deadlines.swarm)
        wait_until(
            f"the swarm {wish.authority} can do without {wish.host} for a moment",
            lambda: _spare(ssh),
            deadline=deadline,
            fail=_failing("bring the other managers back first, then run again"),
            host=wish.host,
        )
        yield
        deadline = site.run.deadline(deadlines.swarm)
        wait_until(
            f"{wish.host} is a reachable manager again",
            lambda: _back(ssh),
            deadline=deadline,
            fail=_failing("look at `journalctl -u docker` there and on the other managers"),
            host=wish.host,
        )


def _is_manager(ssh: Ssh) -> bool:
    try:
        with DockerApi(ssh, timeout=_ASK_SECONDS) as api:
            return bool(_swarm(api.info()).get("ControlAvailable"))
    except (EngineSilent, EngineRefused):
        return False


def _spare(ssh: Ssh) -> bool | Pending:
    try:
        own, managers = _managers(ssh)
    except (EngineSilent, EngineRefused):
        return True  # no leader, or no answer: a restart costs nothing, and may be what it takes
    reachable = [node for node, reached in managers.items() if reached]
    if may_restart(list(managers), reachable, own):
        return True
    return Pending(f"{len(reachable)} of {len(managers)} managers are reachable, {own[:12]} among them")


def _back(ssh: Ssh) -> bool | Pending:
    try:
        own, managers = _managers(ssh)
    except (EngineSilent, EngineRefused) as error:
        return Pending(error.seen or error.what)
    return bool(managers.get(own)) or Pending("the leader does not reach it yet")


def _managers(ssh: Ssh) -> tuple[str, dict[str, bool]]:
    """The host's own node id, and every manager's id with whether the leader reaches it."""
    with DockerApi(ssh, timeout=_ASK_SECONDS) as api:
        own = str(_swarm(api.info()).get("NodeID") or "")
        nodes = api.nodes()
    raft = {str(node["ID"]): node["ManagerStatus"] for node in nodes if node.get("ManagerStatus")}
    return own, {node: status.get("Reachability") == "reachable" for node, status in raft.items()}


def _swarm(info: Mapping[str, Any]) -> Mapping[str, Any]:
    return info.get("Swarm") or {}


def _failing(next_step: str) -> Callable[[str, str], MetalError]:
    def fail(late: str, seen: str) -> MetalError:
        return ClusterError(late, seen=seen, next_step=next_step)

    return fail
