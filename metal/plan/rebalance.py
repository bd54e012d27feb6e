"""Which services gain from being spread anew after nodes have joined."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable

from metal.plan.drain import Task
from metal.plan.placement import Place, Service, fits

__all__ = ["LABEL", "gaining", "update_seconds"]

# A service with this label set to `false` is never restarted for the sake of balance.
LABEL = "metalswarm.rebalance"

# What swarm watches a replaced task for before it goes on (API reference, UpdateConfig.Monitor).
_MONITOR_SECONDS = 5.0


def gaining(
    services: Iterable[Service], tasks: Iterable[Task], places: Iterable[Place], joined: Collection[str]
) -> tuple[Service, ...]:
    """Replicated services of which a node that joined has at least two replicas fewer than another one; by name.

    One fewer is as even as it gets. A service under an update is left to it, and one that its label exempts alone.

    :param joined: hosts.
    """
    at_work: dict[str, Counter[str]] = {}
    for task in tasks:
        if task.wanted == "running" and task.state == "running":
            at_work.setdefault(task.service, Counter())[task.node] += 1
    known = tuple(places)
    found = []
    for service in services:
        if not service.replicas or service.updating or service.labels.get(LABEL) == "false":
            continue
        open_places = [place for place in known if place.open and fits(service, place)]
        counts = at_work.get(service.id, Counter())
        most = max((counts[place.id] for place in open_places), default=0)
        if any(counts[place.id] <= most - 2 for place in open_places if place.host in joined):
            found.append(service)
    return tuple(sorted(found, key=lambda service: service.name))


def update_seconds(replicas: int, *, parallelism: int, delay: float, monitor: float = 0.0) -> float:
    """How long an update of all replicas takes by its own settings, apart from the tasks' own stops and starts.

    :param parallelism: replicas at a time; 0 means all.
    :param delay: seconds between batches.
    :param monitor: seconds that a batch is watched; 0 means swarm's default.
    """
    batches = math.ceil(replicas / parallelism) if parallelism else 1
    return batches * (delay + (monitor or _MONITOR_SECONDS))
