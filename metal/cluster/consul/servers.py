"""The raft as autopilot and the operator API show it."""

from __future__ import annotations

from typing import Any

from metal.cluster.consul.api import ConsulApi
from metal.plan.consul import Voters

__all__ = ["keep_quorum", "raft_id", "voters_of"]


def voters_of(health: dict[str, Any]) -> Voters:
    """Read autopilot's health answer."""
    servers = health.get("Servers") or []
    return Voters(
        all=frozenset(server["Name"] for server in servers if server["Voter"]),
        healthy=frozenset(server["Name"] for server in servers if server["Voter"] and server["Healthy"]),
        settling=frozenset(
            server["Name"] for server in servers if not server["Voter"] and server["SerfStatus"] == "alive"
        ),
    )


def keep_quorum(api: ConsulApi, servers: int) -> bool:
    """Have autopilot never clean up below the declared number of servers; True when that was changed."""
    seen = api.get("operator/autopilot/configuration")
    if seen["MinQuorum"] == servers:
        return False
    return bool(
        api.put("operator/autopilot/configuration", {**seen, "MinQuorum": servers}, cas=str(seen["ModifyIndex"]))
    )


def raft_id(api: ConsulApi, host: str) -> str | None:
    """The raft id of a server, dead or alive; None when it is no raft peer."""
    servers = api.get("operator/raft/configuration")["Servers"]
    return next((server["ID"] for server in servers if server["Node"] == host), None)
