"""Whom a node registers with, who may found the ring, and what is missing until both sides know each other. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from metal.cluster.stackengine.driver import RingNode, Running
from metal.plan.verdict import Refuse, Wait

__all__ = ["RingSight", "Start", "decide_seed", "is_outlived", "missing_registrations", "removal_waits_for"]


@dataclass(frozen=True)
class RingSight:
    """What is known before a node is started.

    :ivar admin: wanted as a ring member.
    :ivar running: how it is set up now; None where it is not.
    :ivar living: addresses of the ring members that answer, by name, this host left out.
    :ivar recorded: ring members that were ever registered and never removed, by name; given-up hosts left out.
    :ivar leaving: of the living, who is no longer wanted in the ring.
    """

    host: str
    address: str
    admin: bool
    running: Running | None
    living: Mapping[str, str]
    recorded: frozenset[str]
    leaving: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Start:
    """:ivar seed: address of the ring member to start with; None founds the ring, or goes on with the one founded."""

    seed: str | None
    reason: str


def decide_seed(sight: RingSight) -> Start | Wait:
    """Whom the node starts with. A setting that still holds is kept, so that nothing restarts for a better one.

    A second ring is never founded while members of the first are recorded, whether they answer or not.
    """
    running = sight.running
    settled = (
        running is not None and running.has_data and running.admin == sight.admin and running.bind == sight.address
    )
    if settled and running is not None and sight.host in sight.recorded and sight.admin and running.seed is None:
        return Start(None, "founded the ring")
    if settled and running is not None and running.seed in sight.living.values() and running.seed is not None:
        return Start(running.seed, "is set up with a ring member that lives")
    if sight.living:
        # One that is about to step down itself would forget who registered with it.
        names = sorted(sight.living.keys() - sight.leaving) or sorted(sight.living)
        # Members spread over the ring, each always at the same place as long as the ring is the same.
        name = names[0] if sight.admin else names[zlib.crc32(sight.host.encode()) % len(names)]
        return Start(sight.living[name], f"registers with {name}")
    others = sorted(sight.recorded - {sight.host})
    if settled and running is not None and sight.host in sight.recorded and running.seed is not None:
        return Start(running.seed, "was in the ring; none of its members answers now")
    if others:
        return Wait(f"the ring has members ({', '.join(others)}), none of them answers")
    if not sight.admin:
        return Wait("no ring member answers yet")
    return Start(None, "there is no ring yet")


def is_outlived(
    host: str, running: Running | None, ring: Mapping[str, tuple[RingNode, ...]], *, recorded: Collection[str]
) -> bool:
    """Whether the node's data is of a registration that the ring has ended while it was away; it is let in without.

    :param ring: the nodes that each living ring member knows, by its name; with none of them nothing is known.
    :param recorded: ring members that were never removed; what one of them holds is the ring's, whoever lists it.
    """
    if running is None or not running.has_data or not ring or host in recorded:
        return False
    return not any(node.name == host for nodes in ring.values() for node in nodes)


def missing_registrations(
    host: str, *, admin: bool, address: str, own: tuple[RingNode, ...], ring: Mapping[str, tuple[RingNode, ...]]
) -> list[str]:
    """What is not yet as it must be: the host in every ring member's list, every ring member in the host's.

    :param own: the nodes that the host knows.
    :param ring: the nodes that each living ring member knows, by its name.
    """
    missing = []
    known = {node.name: node for node in own}
    for name in sorted({host, *ring}):
        if name not in known or not known[name].active:
            missing.append(f"{host} does not see {name}")
    for name, nodes in sorted(ring.items()):
        seen = next((node for node in nodes if node.name == host), None)
        if seen is None:
            missing.append(f"{name} does not know {host}")
        elif not seen.active:
            missing.append(f"{name} calls {host} inactive")
        elif (seen.admin, seen.address) != (admin, address):
            missing.append(f"{name} has {host} as {'admin' if seen.admin else 'member'} at {seen.address}")
    return missing


def removal_waits_for(
    host: str, *, admin: bool, wanted: frozenset[str], nodes: tuple[RingNode, ...]
) -> Wait | Refuse | None:
    """Why a node may not be deregistered yet; None when it may.

    :param wanted: the ring members that the settings want and that may be dialled.
    :param nodes: as a living ring member knows them.
    """
    if not admin:
        return None
    others = wanted - {host}
    if not others:
        return Refuse(
            "it is the last container manager of a cluster that stays",
            "name another node in clusters.<name>.manager.nodes first, or set manager.driver to none",
        )
    missing = sorted(others - {node.name for node in nodes if node.admin and node.active})
    return Wait(f"{', '.join(missing)} must be active in the ring first") if missing else None
