"""From what was seen of a running swarm to the settings that take it over. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from metal.adopt.inventory import inventory_of, sound_name
from metal.adopt.parts import consul_part, docker_part, manager_part, pools_part, swarm_part
from metal.adopt.sight import HostSight, Sight
from metal.errors import PlanRefused
from metal.host.marker import MarkerState
from metal.settings.fleet import HostFacts

__all__ = ["AdoptWish", "Adopted", "adopted"]


@dataclass(frozen=True)
class AdoptWish:
    """How what was found is to be called, and what the hosts cannot tell.

    :ivar owner: `project/stack` that takes over.
    :ivar cluster: name; empty takes the one that hosts of ours know, else `main`.
    :ivar user, port, key, jump: the login that was used; key and jump by name.
    :ivar jump_entry: the jump host as the inventory holds it.
    :ivar known: facts from inventories that exist: BMCs, racks.
    :ivar consul_url, manager_url: where the programs of a cluster of ours come from.
    """

    owner: str
    cluster: str = ""
    user: str = "root"
    port: int = 22
    key: str = "default"
    jump: str = ""
    jump_entry: Mapping[str, Any] = field(default_factory=dict)
    known: Mapping[str, HostFacts] = field(default_factory=dict)
    consul_url: str = ""
    manager_url: str = ""


@dataclass(frozen=True)
class Adopted:
    """:ivar inventory_file: from the project's folder.
    :ivar inventory: its map.
    :ivar fleet: the value of `metalswarm:fleet`.
    :ivar cluster: its name.
    :ivar ours: it was a cluster of this stack before; its seed is needed.
    :ivar secrets: profiles of `metalswarm:consul-` and `metalswarm:manager-` that are needed, as keys.
    :ivar fill_in: what a person must still say, a line each.
    :ivar notes: what a person should know, a line each.
    """

    inventory_file: str
    inventory: Mapping[str, Any]
    fleet: Mapping[str, Any]
    cluster: str
    ours: bool
    secrets: tuple[str, ...] = ()
    fill_in: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def adopted(sight: Sight, wish: AdoptWish) -> Adopted:
    """The settings whose first update changes nothing that runs.

    :raises PlanRefused: another stack's marker is on a host, or a host cannot be named in the settings.
    """
    _refuse_foreign(sight, wish)
    _refuse_names(sight.hosts)
    ours = any(host.marker is not None and host.marker.owner == wish.owner for host in sight.hosts)
    cluster = wish.cluster or next((host.engine.cluster for host in sight.hosts if host.engine.cluster), "main")
    _refuse_other_cluster(sight, cluster)
    fill_in: list[str] = []
    notes: list[str] = []
    secrets: list[str] = []
    inventory = inventory_of(sight, wish, fill_in, notes)
    file = f"inventory/{cluster}.yaml"
    fleet: dict[str, Any] = {"inventory": [file]}
    if not ours:
        # Leaving takes every service of the swarm down; whoever really means it says so.
        fleet["limits"] = {"destroy": "refuse"}
    fleet["docker"] = docker_part(sight, notes)
    artifact, consul = consul_part(sight, cluster, wish.consul_url, fill_in, notes, secrets)
    if artifact:
        fleet["consul"] = artifact
    managers = [host.node.name for host in sight.hosts if host.node.manager]
    entry: dict[str, Any] = {"managers": managers, "consul": consul}
    swarm = swarm_part(sight, notes)
    if swarm:
        entry["swarm"] = swarm
    manager = manager_part(sight, wish.manager_url, fill_in, secrets)
    if manager:
        entry["manager"] = manager
    ca = max((host.engine.ca for host in sight.hosts if host.engine.ours), default=1)
    if ca > 1:
        entry["identity"] = {"ca": ca}
        fill_in.append(f"clusters.{cluster}.identity: gossip and acl, as they were; ca is {ca}")
    if len(managers) % 2 == 0:
        fill_in.append(
            f"clusters.{cluster}.managers: there are {len(managers)}, and an odd number is asked for; promote or "
            "demote one by hand before the first `pulumi up`, and adopt again"
        )
    fleet["clusters"] = {cluster: entry}
    fleet["pools"], own = pools_part(sight, cluster, wish.known)
    if own:
        fleet["hosts"] = own
    return Adopted(file, inventory, fleet, cluster, ours, tuple(secrets), tuple(fill_in), tuple(notes))


def _refuse_foreign(sight: Sight, wish: AdoptWish) -> None:
    for host in sight.hosts:
        marker = host.marker
        if marker is None or marker.state is not MarkerState.CLAIMED or marker.owner == wish.owner:
            continue
        stack = marker.owner.rpartition("/")[2]
        raise PlanRefused(
            f"is claimed by {marker.owner}, and {wish.owner} is to take it over",
            host=host.node.name,
            next_step=f"to bring that stack back: the same with --stack {stack}, in a project of the name "
            f"{marker.owner.partition('/')[0]}; to move the host, take it out of that stack first",
        )


def _refuse_names(hosts: Sequence[HostSight]) -> None:
    seen: dict[str, str] = {}
    for host in hosts:
        name = host.node.name
        if not sound_name(name):
            raise PlanRefused(
                f"its host name {name!r} cannot be a name in the inventory",
                seen=f"node {host.node.id}",
                next_step="names are lower-case letters, digits and inner hyphens: run there: "
                "hostnamectl set-hostname NAME && systemctl restart docker",
            )
        if name in seen:
            raise PlanRefused(
                f"two nodes of the swarm are called {name}: {seen[name]} and {host.node.id}",
                next_step="remove the one that is down: docker node rm --force ID; or give one host another name",
            )
        seen[name] = host.node.id


def _refuse_other_cluster(sight: Sight, cluster: str) -> None:
    for host in sight.hosts:
        if host.engine.cluster not in ("", cluster):
            raise PlanRefused(
                f"belongs to the cluster {host.engine.cluster} by its certificate, and not to {cluster}",
                host=host.node.name,
                next_step=f"leave --cluster out, or name {host.engine.cluster}",
            )
