"""Nodes, services and tasks as the managers list them, as values that placement is decided on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from metal.cluster.docker.api import DockerApi
from metal.cluster.swarm.labels import HOST_LABEL
from metal.plan.drain import Task
from metal.plan.placement import Place, Service

__all__ = ["read_places", "read_services", "read_tasks", "service_of", "task_of"]

# Source: API reference, Service.UpdateStatus.
_UPDATING = frozenset({"updating", "paused", "rollback_started", "rollback_paused"})


def read_places(api: DockerApi, *, leaving: Collection[str] = ()) -> tuple[Place, ...]:
    """Every node of the swarm.

    :param leaving: hosts whose nodes take no work from now on, whatever they say.
    """
    return tuple(_place(entry, leaving) for entry in api.nodes())


def read_services(api: DockerApi) -> tuple[Service, ...]:
    return tuple(service_of(entry) for entry in api.services())


def read_tasks(api: DockerApi, services: Collection[str]) -> tuple[Task, ...]:
    """Every task of those services that the managers remember.

    :param services: ids.
    """
    return tuple(task_of(entry) for entry in api.service_tasks(sorted(services)))


def service_of(entry: Mapping[str, Any]) -> Service:
    spec = entry["Spec"]
    placement = (spec.get("TaskTemplate") or {}).get("Placement") or {}
    replicated = (spec.get("Mode") or {}).get("Replicated")
    return Service(
        id=str(entry["ID"]),
        name=str(spec["Name"]),
        replicas=int(replicated.get("Replicas") or 0) if replicated is not None else None,
        constraints=tuple(str(one) for one in placement.get("Constraints") or ()),
        platforms=tuple(
            (str(one.get("OS") or ""), str(one.get("Architecture") or "")) for one in placement.get("Platforms") or ()
        ),
        labels=dict(spec.get("Labels") or {}),
        updating=(entry.get("UpdateStatus") or {}).get("State") in _UPDATING,
    )


def task_of(entry: Mapping[str, Any]) -> Task:
    status = entry["Status"]
    return Task(
        id=str(entry["ID"]),
        service=str(entry.get("ServiceID", "")),
        slot=int(entry.get("Slot") or 0),
        node=str(entry.get("NodeID", "")),
        state=str(status["State"]),
        wanted=str(entry.get("DesiredState", "")),
        created=_sortable(str(entry["CreatedAt"])),
        said=str(status.get("Err") or ""),
    )


def _place(entry: Mapping[str, Any], leaving: Collection[str]) -> Place:
    spec, status = entry["Spec"], entry.get("Status") or {}
    description = entry.get("Description") or {}
    platform = description.get("Platform") or {}
    name, labels = str(description.get("Hostname", "")), dict(spec.get("Labels") or {})
    host = labels.get(HOST_LABEL, name.partition(".")[0])
    takes = status.get("State") == "ready" and spec.get("Availability") == "active" and host not in leaving
    return Place(
        id=str(entry["ID"]),
        host=host,
        name=name,
        role=str(spec.get("Role", "")),
        open=takes,
        address=str(status.get("Addr", "")),
        os=str(platform.get("OS", "")),
        arch=str(platform.get("Architecture", "")),
        labels=labels,
        engine_labels=dict((description.get("Engine") or {}).get("Labels") or {}),
    )


def _sortable(time: str) -> str:
    """A time of the API, whose fraction is cut at its last digit that is not zero, at full length."""
    whole, _, fraction = time.removesuffix("Z").partition(".")
    return f"{whole}.{fraction:0<9}"
