"""Whether a living cluster is what a fleet document says, no more and no less, asked from every member's own side."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from metal.pki.secrets import ClusterSecrets
from metal.settings.fleet import Identity
from tests.lab.client_loop import SwarmClient
from tests.lab.stack import SEED, ApiRefusedError, LabStack

__all__ = ["Wanted", "differences", "wanted_clusters"]


ALIVE, LEFT = 1, 3
"""serf's states of a member."""


@dataclass(frozen=True)
class Wanted:
    """One cluster, read from the document and by nobody else."""

    name: str
    members: frozenset[str]
    managers: tuple[str, ...]
    servers: tuple[str, ...]
    admins: tuple[str, ...]


def wanted_clusters(document: Mapping[str, Any]) -> dict[str, Wanted]:
    found = {}
    for name, cluster in document["clusters"].items():
        pools = [pool for pool in document["pools"].values() if pool.get("cluster") == name]
        managers = tuple(cluster["managers"])
        found[name] = Wanted(
            name,
            frozenset(host for pool in pools for host in pool["hosts"]),
            managers,
            tuple(cluster.get("consul", {}).get("servers", managers)),
            tuple(cluster.get("manager", {}).get("nodes", managers)),
        )
    return found


def differences(stack: LabStack, wanted: Wanted) -> list[str]:
    """Everything that is stale, missing or unwell; empty for a cluster that is as wanted."""
    try:
        return [*_swarm(stack, wanted), *_consul(stack, wanted), *_controller(stack, wanted)]
    except (ApiRefusedError, httpx.HTTPError) as error:
        return [repr(error)]


def _swarm(stack: LabStack, wanted: Wanted) -> Iterator[str]:
    client = SwarmClient(stack, wanted.name)
    for manager in wanted.managers:
        nodes = client.ask(manager, "/nodes")
        names = [node["Description"]["Hostname"] for node in nodes]
        yield from _compare(f"swarm nodes ({manager})", names, wanted.members)
        well = [n["Description"]["Hostname"] for n in nodes if n["Status"]["State"] == "ready"]
        yield from _compare(f"ready nodes ({manager})", well, wanted.members)
        active = [n["Description"]["Hostname"] for n in nodes if n["Spec"]["Availability"] == "active"]
        yield from _compare(f"active nodes ({manager})", active, wanted.members)
        for word, found in (
            ("wanted as managers", [n for n in nodes if n["Spec"]["Role"] == "manager"]),
            ("in raft", [n for n in nodes if n.get("ManagerStatus")]),
            ("reachable", [n for n in nodes if n.get("ManagerStatus", {}).get("Reachability") == "reachable"]),
        ):
            names = [node["Description"]["Hostname"] for node in found]
            yield from _compare(f"{word} ({manager})", names, wanted.managers)
        info = client.ask(manager, "/info")["Swarm"]
        if (info["Nodes"], info["Managers"]) != (len(wanted.members), len(wanted.managers)):
            yield f"{manager} counts {info['Nodes']} nodes and {info['Managers']} managers"


def _consul(stack: LabStack, wanted: Wanted) -> Iterator[str]:
    secrets = ClusterSecrets.derive(base64.b64decode(SEED), wanted.name, Identity())
    catalogue, gossip, health, raft, service, lines, ring, tokens, policies = stack.consul_all(
        [
            "/v1/catalog/nodes",
            "/v1/agent/members",
            "/v1/operator/autopilot/health",
            "/v1/operator/raft/configuration",
            "/v1/health/service/docker-swarm?passing",
            "/v1/kv/docker-swarm/docker/swarm/nodes/?keys",
            f"/v1/kv/metalswarm/{wanted.name}/ring/?keys",
            "/v1/acl/tokens",
            "/v1/acl/policies",
        ],
        host=wanted.servers[0],
        token=secrets.management_token,
    )
    yield from _compare("Consul's catalogue", [node["Node"] for node in catalogue], wanted.members)
    yield from _compare("Consul's gossip, alive", [m["Name"] for m in gossip if m["Status"] == ALIVE], wanted.members)
    failed = [m["Name"] for m in gossip if m["Status"] not in (ALIVE, LEFT)]
    yield from _compare("Consul's gossip, neither alive nor gone", failed, ())
    if not health["Healthy"]:
        yield "Consul's autopilot is not healthy"
    yield from _compare("Consul's voters", [s["Name"] for s in health["Servers"] if s["Voter"]], wanted.servers)
    yield from _compare("Consul's raft", [server["Node"] for server in raft["Servers"]], wanted.servers)
    yield from _compare("passing in Consul", [entry["Node"]["Node"] for entry in service], wanted.members)
    addresses = [f"{stack.address(host)}:2376" for host in wanted.members]
    yield from _compare("lines of the node list", [key.rsplit("/", 1)[-1] for key in lines], addresses)
    yield from _compare("the recorded ring", [key.rsplit("/", 1)[-1] for key in ring], wanted.admins)
    told = [token["Description"] for token in tokens]
    for kind in ("Consul agent on ", "registration of the swarm node "):
        holders = [text.removeprefix(kind) for text in told if text.startswith(kind)]
        yield from _compare(f"tokens, {kind}", holders, wanted.members)
    ours = [told["Description"].rsplit(" ", 1)[-1] for told in policies if told["Name"].startswith("swarm-node-")]
    yield from _compare("policies", ours, wanted.members)


def _controller(stack: LabStack, wanted: Wanted) -> Iterator[str]:
    for admin in wanted.admins:
        nodes = stack.stackengine("/api/nodes", host=admin)
        yield from _compare(f"the controller's nodes ({admin})", [node["name"] for node in nodes], wanted.members)
        admins = [node["name"] for node in nodes if node["role"] == "admin"]
        yield from _compare(f"the controller's admins ({admin})", admins, wanted.admins)


def _compare(what: str, found: list[str], wanted: Any) -> Iterator[str]:
    if sorted(found) != sorted(wanted):
        yield f"{what}: {', '.join(sorted(found)) or 'none'}; wanted {', '.join(sorted(wanted)) or 'none'}"
