"""Waves: at most so many hosts of a pool away at once, and one manager or Consul server of a cluster at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from metal.plan.verdict import Wait
from metal.settings.fleet import Fleet

__all__ = ["Go", "Group", "Place", "Stop", "decide_place", "place_of", "plan_waves"]


@dataclass(frozen=True)
class Group:
    """Hosts of which only so many may be away at once.

    :ivar name: as people call it, "pool web".
    """

    name: str
    limit: int


@dataclass(frozen=True)
class Place:
    """One host's place in the waves.

    :ivar rank: its place in the order; voters come before the others of their pool.
    :ivar pool: its pool, whose hosts count as away also when they are for another reason.
    :ivar voters: managers and Consul servers of its cluster; None for a host that is neither.
    """

    host: str
    rank: int
    pool: Group
    voters: Group | None = None

    @property
    def groups(self) -> tuple[Group, ...]:
        return (self.pool,) if self.voters is None else (self.voters, self.pool)


@dataclass(frozen=True)
class Go:
    """The host may be disrupted now."""


@dataclass(frozen=True)
class Stop:
    """The wave is over: a host before this one is not well.

    :ivar host: that host.
    :ivar why: what is known of it.
    """

    host: str
    why: str


def place_of(fleet: Fleet, host: str) -> Place | None:
    """A host's place; None for a host in no pool."""
    wish = fleet.hosts.get(host)
    if wish is None:
        return None
    is_voter = wish.is_manager or wish.is_consul_server
    order = sorted(fleet.hosts.values(), key=lambda one: not (one.is_manager or one.is_consul_server))
    return Place(
        host,
        next(at for at, one in enumerate(order) if one.name == host),
        Group(f"pool {wish.pool}", wish.max_unavailable),
        Group(f"managers and Consul servers of {wish.cluster}", 1) if is_voter else None,
    )


def plan_waves(places: Iterable[Place], *, first: Collection[str] = ()) -> tuple[tuple[str, ...], ...]:
    """The waves in which all of `places` come, each as early as its groups allow.

    :param first: hosts that are away already, as an earlier run left them; they come before all others.
    """
    waves: list[list[Place]] = []
    for place in sorted(places, key=lambda place: (place.host not in first, place.rank)):
        wave = next((wave for wave in waves if _has_room(wave, place)), None)
        if wave is None:
            waves.append(wave := [])
        wave.append(place)
    return tuple(tuple(place.host for place in wave) for wave in waves)


def decide_place(
    place: Place,
    *,
    held: Mapping[str, Place],
    waiting: Mapping[str, Place],
    away: Collection[str],
    stopped: Mapping[str, str],
    failed: Mapping[str, str],
) -> Go | Wait | Stop:
    """Whether a host may be disrupted now.

    :param held: hosts that are being disrupted.
    :param waiting: hosts that wait for it, this one among them or not.
    :param away: hosts of its pool that are found away, for whatever reason.
    :param stopped: hosts whose disruption failed, with what is known of it.
    :param failed: hosts on which anything else failed; they count when they are away.
    """
    others = {name: one for name, one in held.items() if name != place.host}
    missing = sorted(set(away) - {place.host})
    for group in place.groups:
        for name, why in stopped.items():
            if name != place.host and name in held and group in held[name].groups:
                return Stop(name, why)
    for name in missing:
        if name in failed:
            return Stop(name, failed[name])
    for group in place.groups:
        busy = {name for name, one in others.items() if group in one.groups}
        if group == place.pool:
            busy |= set(missing)
        if len(busy) >= group.limit:
            return Wait(f"{group.name}: at most {group.limit} at once; {_said(busy, others)}")
    for name, one in waiting.items():
        if one.rank < place.rank and set(one.groups) & set(place.groups) and _could_go(one, held):
            return Wait(f"{name} comes first")
    return Go()


def _has_room(wave: Collection[Place], place: Place) -> bool:
    return all(sum(group in one.groups for one in wave) < group.limit for group in place.groups)


def _could_go(place: Place, held: Mapping[str, Place]) -> bool:
    others = [one for name, one in held.items() if name != place.host]
    return place.host in held or _has_room(others, place)


def _said(busy: Collection[str], held: Collection[str]) -> str:
    changing = sorted(name for name in busy if name in held)
    gone = sorted(name for name in busy if name not in held)
    said = ((changing, "is being changed"), (gone, "is away"))
    return "; ".join(f"{', '.join(names)} {what}" for names, what in said if names)
