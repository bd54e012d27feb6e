"""Which nodes a service may run on: swarm's own rules for constraints and platforms, on plain values."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

__all__ = ["Place", "Service", "fits", "only_here"]

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Place:
    """A node as the scheduler sees it.

    :ivar host: inventory name of the host that it is a life of.
    :ivar name: the host name that its engine reports.
    :ivar open: ready, and its availability is active: it takes new tasks.
    :ivar labels: of the node; `engine_labels` those of its engine.
    """

    id: str
    host: str
    name: str
    role: str
    open: bool
    address: str = ""
    os: str = ""
    arch: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    engine_labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Service:
    """What decides where a service runs.

    :ivar replicas: wanted; None for one that is not replicated (global, or a job).
    :ivar platforms: (os, architecture) that its image is for; none means any.
    :ivar updating: an update or a rollback of it is under way or paused.
    """

    id: str
    name: str
    replicas: int | None
    constraints: tuple[str, ...] = ()
    platforms: tuple[tuple[str, str], ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    updating: bool = False


def fits(service: Service, place: Place) -> bool:
    """Whether placement allows the service there; resources and ports are not looked at.

    Source: swarmkit, manager/constraint/constraint.go (NodeMatches) and manager/scheduler/filter.go (PlatformFilter).
    """
    return all(_meets(constraint, place) for constraint in service.constraints) and _runs(service.platforms, place)


def only_here(services: Iterable[Service], places: Iterable[Place], node: str) -> tuple[Service, ...]:
    """Replicated services that may run on `node` and, of all open places, on no other one; by name.

    :param places: those that stay; one that leaves as well is no place.
    """
    known = tuple(places)
    here = next((place for place in known if place.id == node), None)
    if here is None:
        return ()
    others = [place for place in known if place.open and place.id != node]
    bound = [
        service
        for service in services
        if service.replicas and fits(service, here) and not any(fits(service, place) for place in others)
    ]
    return tuple(sorted(bound, key=lambda service: service.name))


def _runs(platforms: tuple[tuple[str, str], ...], place: Place) -> bool:
    if not platforms or not place.os:
        return True
    arch = _ARCHITECTURES.get(place.arch, place.arch)
    return any(
        (not system or system == place.os) and (not wanted or _ARCHITECTURES.get(wanted, wanted) == arch)
        for system, wanted in platforms
    )


def _meets(constraint: str, place: Place) -> bool:
    for sign in ("==", "!="):
        key, found, value = constraint.partition(sign)
        if found:
            return _matches(key.strip(), value.strip(), place) is (sign == "==")
    return False


def _matches(key: str, value: str, place: Place) -> bool | None:
    """None for a key that swarm does not know: such a constraint is met nowhere."""
    low = key.lower()
    if low == "node.ip":
        return _in_network(place.address, value)
    plain = {
        "node.id": place.id,
        "node.hostname": place.name,
        "node.role": place.role,
        "node.platform.os": place.os,
        "node.platform.arch": place.arch,
    }
    if low in plain:
        return plain[low].lower() == value.lower()
    for prefix, labels in (("node.labels.", place.labels), ("engine.labels.", place.engine_labels)):
        if low.startswith(prefix):
            return labels.get(key[len(prefix) :], "").lower() == value.lower()
    return None


def _in_network(address: str, value: str) -> bool | None:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(value, strict=False)
    except ValueError:
        return None
