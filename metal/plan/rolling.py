"""What is rolled out over a cluster's hosts as a value, and the waves of a change of it in the words of a preview."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from metal.plan.burn_in import fingerprint
from metal.plan.quorum import Member, Membership
from metal.plan.waves import Group, Place, plan_waves
from metal.settings.fleet import Fleet

__all__ = ["pools_of", "rolling", "wave_lines"]


def rolling(fleet: Fleet, cluster: str) -> dict[str, Any]:
    """Everything whose change disrupts hosts of the cluster, apart from its membership, as plain values.

    No pool is named: that a host moves between pools which ask for the same is no change.
    """
    docker, consul = fleet.docker, fleet.consul
    burn_in = {host.name: fingerprint(host.ready.burn_in) for host in fleet.members(cluster) if host.ready.burn_in}
    return {
        # Left out where there is none, so that a plan made before this key stays as it is.
        **({"burn_in": burn_in} if burn_in else {}),
        "engine": {"package": docker.package, "version": docker.version, "daemon": dict(docker.daemon)},
        "consul": {"version": consul.version, "url": consul.url, "sha256": consul.sha256 or ""} if consul else {},
        "reboot": {host.name: host.reboot for host in fleet.members(cluster) if host.reboot},
    }


def pools_of(fleet: Fleet, cluster: str) -> dict[str, Any]:
    """The pools that the waves go by now: for the words of a preview, never kept."""
    pools: dict[str, dict[str, Any]] = {}
    for host in fleet.members(cluster):
        pool = pools.setdefault(host.pool, {"max_unavailable": host.max_unavailable, "hosts": []})
        pool["hosts"].append(host.name)
    return pools


def wave_lines(
    old: Membership | None,
    new: Membership,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any],
    pools: Mapping[str, Any],
) -> tuple[str, ...]:
    """One line for each thing that disrupts hosts, with its waves; empty where nothing does.

    Hosts that join, leave or are on hold are in no wave.

    :param before: :func:`rolling` of the last update; None where it is not known.
    :param pools: :func:`pools_of` the settings of now.
    """
    if old is None:
        return ()
    staying = {name: one for name, one in new.members.items() if name in old.members and not one.down}
    places = _places(pools, staying)
    lines = []
    for what, hosts in _disruptions(old, staying, before, after):
        waves = plan_waves(places[name] for name in places if name in hosts)
        if waves:
            lines.append(f"{what}, drained, in waves: {'; '.join(', '.join(wave) for wave in waves)}")
    return tuple(lines)


def _disruptions(
    old: Membership, staying: Mapping[str, Member], before: Mapping[str, Any] | None, after: Mapping[str, Any]
) -> Iterator[tuple[str, set[str]]]:
    yield "reinstalled", {name for name, one in staying.items() if one.generation > old.members[name].generation}
    if before is None:
        return
    engine = _engine(before["engine"], after["engine"])
    if engine:
        yield f"engine restarts ({engine})", set(staying)
    if before["consul"] != after["consul"]:
        was, will = (str(one["consul"].get("version", "none")) for one in (before, after))
        yield f"Consul agent restarts ({was if was == will else f'{was} to {will}'})", set(staying)
    yield "burned in, unless they have passed it", _burned(before, after, staying)
    for label in sorted(set(after["reboot"].values())):
        asked = {name for name, one in after["reboot"].items() if one == label and name in staying}
        yield f"reboots ({label})", {name for name in asked if before["reboot"].get(name) != label}


def _burned(before: Mapping[str, Any], after: Mapping[str, Any], staying: Mapping[str, Member]) -> set[str]:
    passed, asked = before.get("burn_in", {}), after.get("burn_in", {})
    return {name for name, one in asked.items() if name in staying and passed.get(name) != one}


def _engine(was: Mapping[str, Any], will: Mapping[str, Any]) -> str:
    told = [f"{key}: {was[key]} to {will[key]}" for key in ("package", "version") if was[key] != will[key]]
    old, new = was["daemon"], will["daemon"]
    keys = sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
    return "; ".join([*told, *([f"daemon.json: {', '.join(keys)}"] if keys else [])])


def _places(pools: Mapping[str, Any], staying: Mapping[str, Member]) -> dict[str, Place]:
    """As :func:`metal.plan.waves.place_of` gives them, from what a preview has."""
    voters = Group("voters", 1)
    homes = [(name, Group(pool, limits["max_unavailable"])) for pool, limits in pools.items()
             for name in limits["hosts"] if name in staying]  # fmt: skip
    is_voter = {name: one.manager or one.consul_server for name, one in staying.items()}
    homes.sort(key=lambda home: not is_voter[home[0]])
    return {
        name: Place(name, rank, pool, voters if is_voter[name] else None) for rank, (name, pool) in enumerate(homes)
    }
