"""What services lose when a node is drained, and whether they have it back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from metal.cluster.docker.api import DockerApi, EngineSilent, EngineUnready
from metal.cluster.swarm.drain import WorkLeft
from metal.waiting import Deadline, Pending, wait_until

__all__ = ["await_whole", "services_whole_on"]


def services_whole_on(manager: DockerApi, node: str) -> tuple[str, ...]:
    """Ids of the replicated services that run on a node and have all their replicas; only those can be kept whole."""
    here = {str(task["ServiceID"]) for task in manager.tasks(node) if _runs(task) and task.get("ServiceID")}
    return tuple(sorted(service for service in here if _lacks(manager, service, tolerated=False) is None))


def await_whole(
    manager: DockerApi, services: Collection[str], *, homeless: bool, deadline: Deadline, host: str, what: str
) -> None:
    """Wait until the services have all their replicas running; one that was removed meanwhile lacks nothing.

    :param homeless: a replica that the scheduler finds no other node for counts as placed: it waits for this one.
    :raises WorkLeft: not in time; names the services.
    """

    def probe() -> bool | Pending:
        lacking = [said for service in services if (said := _lacks(manager, service, tolerated=homeless))]
        return Pending("; ".join(lacking)) if lacking else True

    wait_until(
        what,
        probe,
        deadline=deadline,
        fail=lambda late, seen: WorkLeft(
            late,
            seen=seen,
            next_step="look at `docker service ps` of these services: they need nodes that they may run on; "
            "then run again",
        ),
        host=host,
        passing=(EngineSilent, EngineUnready),
    )


def _lacks(manager: DockerApi, service: str, *, tolerated: bool) -> str | None:
    """What a replicated service lacks, in words; None where it lacks nothing, or is of another kind."""
    found = manager.service(service)
    replicated = ((found or {}).get("Spec") or {}).get("Mode", {}).get("Replicated")
    if found is None or replicated is None:
        return None
    wanted = int(replicated.get("Replicas", 1))
    tasks = manager.running_tasks(service)
    placed = [task for task in tasks if _runs(task) or (tolerated and _is_homeless(task))]
    if len(placed) >= wanted:
        return None
    return f"{found['Spec']['Name']}: {sum(map(_runs, tasks))} of {wanted} run"


def _runs(task: Mapping[str, Any]) -> bool:
    return task.get("DesiredState") == "running" and task["Status"]["State"] == "running"


def _is_homeless(task: Mapping[str, Any]) -> bool:
    """The scheduler's word on a task that fits on no node as they are now (swarmkit, manager/scheduler)."""
    return task["Status"]["State"] == "pending" and "no suitable node" in str(task["Status"].get("Err", ""))
