"""What Consul knows of a cluster's hosts, for a status that asks the living system."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from metal.cluster.consul import paths
from metal.cluster.consul.api import ConsulApi, ConsulRefused
from metal.cluster.consul.registration import line_key
from metal.cluster.consul.servers import voters_of

__all__ = ["CatalogMember", "read_catalog"]


@dataclass(frozen=True)
class CatalogMember:
    """One node of the catalogue.

    :ivar alive: gossip sees it.
    :ivar voter: it is a server that votes.
    :ivar leader: it leads the raft.
    :ivar registered: it has the swarm node's service.
    :ivar swarm_passing: that service's check passes, and the host is alive.
    :ivar listed: its line is in the classic node list.
    """

    host: str
    address: str
    alive: bool
    voter: bool
    leader: bool
    registered: bool
    swarm_passing: bool
    listed: bool


def read_catalog(api: ConsulApi, *, existing: bool = False) -> dict[str, CatalogMember]:
    """Every node of the datacentre by name, in a handful of requests however many there are.

    :param existing: of a Consul that is not ours: its servers may be none of our business, and a node without an agent
        counts as alive.
    """
    health = _health(api, existing)
    leaders = {server["Name"] for server in health.get("Servers") or [] if server["Leader"]}
    voters = voters_of(health).all
    serf = {
        check["Node"]: check["Status"] == "passing"
        for state in ("passing", "warning", "critical")
        for check in api.get(f"health/state/{state}") or []
        if check["CheckID"] == "serfHealth"
    }
    services = {row["Node"]["Node"]: row["Checks"] for row in api.get(f"health/service/{paths.SWARM_SERVICE}") or []}
    listed = set(api.get(f"kv/{paths.NODE_PREFIX}/", keys="") or [])
    members = {}
    for node in api.get("catalog/nodes") or []:
        name, address = node["Node"], node["Address"]
        members[name] = CatalogMember(
            host=name,
            address=address,
            alive=serf.get(name, existing),
            voter=name in voters,
            leader=name in leaders,
            registered=name in services,
            swarm_passing=name in services and _all_pass(services[name]),
            listed=line_key(address) in listed,
        )
    return members


def _health(api: ConsulApi, existing: bool) -> dict[str, Any]:
    try:
        return api.autopilot()
    except ConsulRefused:
        if not existing:
            raise
        return {}


def _all_pass(checks: list[dict[str, Any]]) -> bool:
    return all(check["Status"] == "passing" for check in checks)
