"""Whether the engine runs enough operations at once for a fleet, and goes on past a failure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from metal.errors import PlanRefused
from metal.settings.fleet import Fleet, ManagerDriver

__all__ = ["advice", "needed_operations"]

_BARRIERS = 3
_WAITS = 2


def needed_operations(fleet: Fleet) -> int:
    """The least number of operations at once with which no cluster can block itself.

    Managers wait for one another and barriers wait for managers, so all of them may be under way together. So may all
    hosts of a pool that wait for their place in its waves, with two operations each (engine and Consul agent); a host
    that is reinstalled holds its place over many operations, for which there must be room beside them.
    """
    rings = sum(
        len({*cluster.managers, *cluster.consul_servers, *cluster.container_managers})
        + (_BARRIERS if cluster.manager.driver is not ManagerDriver.NONE else _BARRIERS - 1)
        for cluster in fleet.clusters.values()
    )
    pools = Counter(host.pool for host in fleet.hosts.values() if host.generation)
    limits = {host.pool: host.max_unavailable for host in fleet.hosts.values()}
    waiting = sum(max(0, hosts - limits[pool]) for pool, hosts in pools.items())
    return rings + 1 + _WAITS * waiting


def advice(fleet: Fleet, env: Mapping[str, str]) -> list[str]:
    """What the environment should say and does not; empty where all is well.

    :param env: the program's environment; the engine takes PULUMI_PARALLEL and PULUMI_CONTINUE_ON_ERROR from it.
    :raises PlanRefused: PULUMI_PARALLEL is set too low for this fleet.
    """
    lines = []
    needed = needed_operations(fleet)
    given = env.get("PULUMI_PARALLEL", "")
    if given.isdigit() and int(given) < needed:
        raise PlanRefused(
            f"PULUMI_PARALLEL={given} lets managers and waves block each other: {needed} may be under way at once",
            next_step=f"set PULUMI_PARALLEL to at least {max(needed, len(fleet.hosts))}",
        )
    if not given.isdigit():
        lines.append(
            f"PULUMI_PARALLEL is not set to a number: on a small machine fewer than the {needed} operations that may "
            f"wait for one another run at once. Set PULUMI_PARALLEL={max(64, len(fleet.hosts))} (see .envrc)."
        )
    if env.get("PULUMI_CONTINUE_ON_ERROR", "").lower() not in ("1", "true"):
        lines.append(
            "PULUMI_CONTINUE_ON_ERROR is not set: one failing host stops the work on all others. "
            "Set PULUMI_CONTINUE_ON_ERROR=true (see .envrc)."
        )
    return lines
