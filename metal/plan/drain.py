"""What a node that was drained still holds, and what has left it and runs nowhere else yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from metal.plan.placement import Place, Service, fits
from metal.settings.fleet import HostFacts, HostWish, OnStuck

__all__ = ["Stuck", "Task", "left_on", "not_elsewhere", "stuck_policy"]

# A task in one of these holds nothing on its node any more.
# Source: swarmkit, design/task_model.md; API reference, TaskState.
_FINISHED = frozenset({"complete", "failed", "shutdown", "rejected", "orphaned", "remove"})
# A task that came as far as this was at work on its node; one that was refused or is on its way never was.
_AT_WORK = frozenset({"running", "complete", "failed", "shutdown", "orphaned", "remove"})


@dataclass(frozen=True)
class Task:
    """One task as the managers list it.

    :ivar service: id.
    :ivar slot: number of the replica; 0 for a task of a service that is not replicated.
    :ivar node: id; empty for one that has no place.
    :ivar wanted: the state that the managers want it in.
    :ivar created: sortable.
    :ivar said: the scheduler's or the engine's last word on it.
    """

    id: str
    service: str
    slot: int
    node: str
    state: str
    wanted: str
    created: str
    said: str = ""


@dataclass(frozen=True)
class Stuck:
    """One thing that keeps a node from leaving.

    :ivar what: in words: the service, and how it stands.
    :ivar homeless: no open node may take it.
    """

    what: str
    homeless: bool = False


def left_on(tasks: Iterable[Task], node: str, names: Mapping[str, str]) -> tuple[Stuck, ...]:
    """The tasks that still hold something on a node.

    :param names: of services, by id.
    """
    left = [task for task in tasks if task.node == node and task.state not in _FINISHED]
    return tuple(Stuck(line) for line in sorted(f"{names.get(t.service, t.id)} ({t.state})" for t in left))


def not_elsewhere(
    tasks: Iterable[Task], services: Iterable[Service], places: Sequence[Place], node: str
) -> tuple[Stuck, ...]:
    """The replicas that were at work on a node last, and are wanted and not yet at work elsewhere; by service.

    :param tasks: all tasks of the services, finished ones too.
    """
    known = {service.id: service for service in services if service.replicas is not None}
    slots: dict[tuple[str, int], list[Task]] = {}
    for task in tasks:
        if task.service in known and task.slot:
            slots.setdefault((task.service, task.slot), []).append(task)
    waiting: dict[str, list[Task]] = {}
    for (service, _), history in slots.items():
        newest = sorted(history, key=lambda task: task.created, reverse=True)
        now = newest[0]
        if now.wanted != "running" or (now.state == "running" and now.node != node):
            continue
        at_work = next((task for task in newest if task.node and task.state in _AT_WORK), None)
        if at_work is not None and at_work.node == node and now.node != node:
            waiting.setdefault(service, []).append(now)
    return tuple(
        Stuck(_words(known[service], found), homeless=not any(p.open and fits(known[service], p) for p in places))
        for service, found in sorted(waiting.items(), key=lambda item: known[item[0]].name)
    )


def stuck_policy(facts: HostFacts | None, cluster: str, remembered: OnStuck) -> OnStuck:
    """What counts for a drain that is stuck: the host's own line, its pool while it stays in the cluster, or its past.

    :param facts: of the settings as they are now.
    :param remembered: what its pool said in the last update.
    """
    if facts is not None and facts.on_stuck is not None:
        return facts.on_stuck
    if isinstance(facts, HostWish) and facts.cluster == cluster:
        return facts.pool_on_stuck
    return remembered


def _words(service: Service, waiting: Sequence[Task]) -> str:
    said = next((task.said for task in waiting if task.said), "")
    states = ", ".join(sorted({task.state for task in waiting}))
    count = f"{len(waiting)} of {service.replicas} replicas" if service.replicas != 1 else "its one replica"
    return f"{service.name}: {count} run nowhere else ({states}{': ' + said if said else ''})"
