"""Drains a node, waits until its work is elsewhere, and gives it back its work where it shall stay after all."""

from __future__ import annotations

from collections.abc import Sequence

from metal.cluster.docker.api import DockerApi, EngineSilent, EngineUnready
from metal.cluster.swarm.labels import DRAINED_LABEL
from metal.cluster.swarm.listed import change
from metal.cluster.swarm.placed import read_places, read_services, read_tasks, task_of
from metal.cluster.swarm.view import observe_view
from metal.errors import ClusterError
from metal.plan.drain import Stuck, left_on, not_elsewhere
from metal.waiting import Deadline, Pending, wait_until

__all__ = ["WorkLeft", "await_empty", "drain", "undrain"]

# On every container that belongs to a service's task.
_TASK_LABEL = "com.docker.swarm.task.id"
_SHOWN = 10


class WorkLeft(ClusterError):
    """At the deadline a drained node still held work, or its work ran nowhere else."""


def drain(manager: DockerApi, node: str, *, deadline: Deadline, host: str) -> None:
    """Take the work off a node, and note on it what availability it had."""
    found = observe_view(manager).node(node)
    if found is None or found.availability == "drain":
        return
    labels = {**found.labels, DRAINED_LABEL: found.availability}
    change(manager, node, {"Availability": "drain", "Labels": labels}, deadline=deadline, host=host)


def undrain(manager: DockerApi, node: str, *, deadline: Deadline, host: str) -> str:
    """Give a node back the availability that it had before :func:`drain`, and return that.

    One that somebody else had drained stays so.
    """
    found = observe_view(manager).node(node)
    if found is None or DRAINED_LABEL not in found.labels:
        return found.availability if found is not None else "gone"
    before = found.labels[DRAINED_LABEL]
    labels = {key: value for key, value in found.labels.items() if key != DRAINED_LABEL}
    change(manager, node, {"Availability": before, "Labels": labels}, deadline=deadline, host=host)
    return before


def await_empty(
    manager: DockerApi, own: DockerApi | None, node: str, *, returns: bool, deadline: Deadline, host: str
) -> None:
    """Wait until a drained node holds nothing, and what left it runs on other nodes.

    :param manager: API of a manager of the swarm.
    :param own: API of the node's own engine, which alone knows of containers outside of services.
    :param returns: the node comes back in a new life, so a service that has no other place waits for that.
    :raises WorkLeft: not in time; names the services with the scheduler's reason, and the containers.
    """
    told: set[str] = set()

    def probe() -> bool | Pending:
        stuck = [*_tasks(manager, node), *_containers(own)]
        for one in [one for one in stuck if one.homeless and returns]:
            stuck.remove(one)
            if one.what not in told:
                told.add(one.what)
                deadline.run.progress(f"{host}: {one.what}; no other node may run it, it waits for this one")
        return Pending(_shown(stuck)) if stuck else True

    wait_until(
        "no task runs here any more, and what left runs elsewhere",
        probe,
        deadline=deadline,
        fail=lambda late, seen: WorkLeft(
            f"work is still on it after {deadline}",
            tried=["set the node's availability to drain"],
            seen=seen,
            next_step="give these services another node they may run on, or remove them; stop the containers; "
            "or set on_stuck of the host: force lets it leave all the same, stop puts it back to work. "
            "To keep it after all: put it back into its pool, then `pulumi refresh` and `pulumi up`",
        ),
        host=host,
        passing=(EngineSilent, EngineUnready),
    )


def _tasks(manager: DockerApi, node: str) -> list[Stuck]:
    own = [task_of(entry) for entry in manager.tasks(node)]
    if not own:
        return []
    services = read_services(manager)
    left = left_on(own, node, {service.id: service.name for service in services})
    ids = {task.service for task in own} & {service.id for service in services}
    moved = not_elsewhere(read_tasks(manager, ids), services, read_places(manager), node)
    return [*left, *moved]


def _containers(own: DockerApi | None) -> list[Stuck]:
    """Containers of no service: a drain does not move them (docker/docs#5800)."""
    if own is None:
        return []
    plain = [one for one in own.containers() if _TASK_LABEL not in (one.get("Labels") or {})]
    names = sorted(str((one.get("Names") or [one["Id"][:12]])[0]).removeprefix("/") for one in plain)
    return [Stuck(f"container {name}, of no service") for name in names]


def _shown(stuck: Sequence[Stuck]) -> str:
    more = f" and {len(stuck) - _SHOWN} more" if len(stuck) > _SHOWN else ""
    return "; ".join(one.what for one in stuck[:_SHOWN]) + more
