"""What must hold in the settings of what was there before us: kept engines, node availability, an existing Consul."""

from __future__ import annotations

from urllib.parse import urlsplit

from metal.settings.external import Agents, is_loopback
from metal.settings.fleet import Availability, EngineRule, Purpose
from metal.settings.fleet_model import ClusterModel, PoolModel
from metal.settings.intent import Intent
from metal.settings.inventory import Inventory
from metal.settings.problems import Path, Problems

__all__ = ["check_availability", "check_external", "check_kept", "needs_binary"]


def needs_binary(cluster: ClusterModel | None) -> bool:
    """Whether a cluster has agents of ours; one that is wrong in itself counts as if it had."""
    return cluster is None or cluster.consul.external is None or cluster.consul.external.agents is Agents.MANAGED


def check_kept(name: str, pool: PoolModel, purpose: Purpose | None, intent: Intent, problems: Problems) -> None:
    """An engine can be kept only where there is one, and a reinstall leaves none."""
    if pool.engine is not EngineRule.KEEP:
        return
    path: Path = ("pools", name, "engine")
    if purpose is not None and not purpose.has_docker:
        problems.add(path, f"does nothing for purpose {purpose}", "purpose docker or swarm", value="keep")
    own = [intent.hosts.get(host) for host in pool.hosts]
    if pool.generation or any(wish and wish.generation for wish in own):
        problems.add(
            path,
            "keeps an engine that an install by generation would not bring",
            "generation 0 for every host of the pool, or engine: managed",
            value="keep",
        )


def check_availability(name: str, pool: PoolModel, purpose: Purpose | None, problems: Problems) -> None:
    if pool.availability is not Availability.ACTIVE and purpose not in (Purpose.SWARM, None):
        problems.add(
            ("pools", name, "availability"),
            f"is that of swarm nodes and does nothing for purpose {purpose}",
            "purpose swarm",
            value=pool.availability.value,
        )


def check_external(name: str, cluster: ClusterModel, inventory: Inventory, problems: Problems) -> None:
    """An existing Consul is reached safely, and agents of ours know whom to join."""
    external = cluster.consul.external
    if external is None:
        return
    path: Path = ("clusters", name, "consul", "external")
    if cluster.consul.servers is not None:
        problems.add(
            ("clusters", name, "consul", "servers"),
            "are servers of our own, and external names a Consul that exists",
            "one of the two",
        )
    if cluster.consul.datacenter is None:
        problems.add(
            ("clusters", name, "consul", "datacenter"), "is missing", "the name of the existing Consul's datacenter"
        )
    for at, host in enumerate(external.through or ()):
        if host not in inventory.files:
            problems.unknown((*path, "through", at), host, inventory.files, "host in the inventory")
    parts = urlsplit(external.api)
    if parts.scheme == "http" and not external.through and not is_loopback(str(parts.hostname)):
        problems.add(
            (*path, "api"),
            "would carry a token over the network in plain",
            "https, or through: hosts from which it is reached over SSH",
            value=external.api,
        )
    if external.agents is Agents.MANAGED and not external.servers:
        problems.add(
            (*path, "servers"), "are missing, and agents of ours need somebody to join", "addresses of its servers"
        )
    if external.agents is Agents.MANAGED and not external.through and is_loopback(str(parts.hostname)):
        problems.add(
            (*path, "through"),
            "is missing: where agents of ours run, nobody else's answers on the loopback address",
            "hosts of the inventory whose agent answers there",
        )
    if external.agents is Agents.NONE and external.servers:
        problems.add((*path, "servers"), "do nothing without agents of ours", "agents: managed, or no servers")
