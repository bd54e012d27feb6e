"""Rebalance: after workers have joined, services that would gain are spread over them. Only where the settings ask."""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi.dynamic import Resource

from providers import process
from providers.link import Link

__all__ = ["Rebalance"]


class RebalanceProvider(Link):
    replaces = ()

    def identity(self, props: dict[str, Any]) -> str:
        return f"{props['owner']}/{props['cluster']}/rebalance"

    def act(self, props: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
        from metal.cluster.swarm import rebalance

        # Those of the first time were there before anybody asked for balance.
        known = before.get("workers", props["workers"])
        joined = [name for name, node in props["workers"].items() if known.get(name) != node]
        if joined:
            rebalance(process.site(str(props["owner"])), str(props["cluster"]), joined)
        return {}

    def undo(self, props: dict[str, Any]) -> None:
        """What was spread stays spread."""


class Rebalance(Resource, module="metalswarm", name="Rebalance"):
    """Inputs: `workers`, the id of each worker's SwarmNode by host name; a new one is a worker that joined."""

    def __init__(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(RebalanceProvider(), name, dict(props), opts)
