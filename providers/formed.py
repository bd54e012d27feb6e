"""Barriers: a cluster's control plane stands. What comes after it depends on one of these, not on every host."""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi.dynamic import Resource

from providers import process
from providers.link import Link

__all__ = ["ConsulFormed", "RingFormed", "SwarmFormed"]


class _Formed(Link):
    layer = ""

    def identity(self, props: dict[str, Any]) -> str:
        return f"{props['owner']}/{props['cluster']}/{self.layer}"

    def undo(self, props: dict[str, Any]) -> None:
        """A barrier is an observation; there is nothing to take down."""


class ConsulFormedProvider(_Formed):
    layer = "consul"

    def act(self, props: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
        from metal.cluster.consul import wait_formed

        wait_formed(process.site(str(props["owner"])), str(props["cluster"]))
        return {}


class SwarmFormedProvider(_Formed):
    layer = "swarm"

    def act(self, props: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
        from metal.cluster.swarm import wait_formed

        wait_formed(process.site(str(props["owner"])), str(props["cluster"]))
        return {}


class RingFormedProvider(_Formed):
    layer = "ring"

    def act(self, props: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
        from metal.cluster.stackengine import wait_formed

        wait_formed(process.site(str(props["owner"])), str(props["cluster"]))
        return {}


class ConsulFormed(Resource, module="metalswarm", name="ConsulFormed"):
    """Created when every wanted Consul server votes and one leads."""

    def __init__(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(ConsulFormedProvider(), name, dict(props), opts)


class SwarmFormed(Resource, module="metalswarm", name="SwarmFormed"):
    """Created when every wanted manager is ready and reachable."""

    def __init__(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(SwarmFormedProvider(), name, dict(props), opts)


class RingFormed(Resource, module="metalswarm", name="RingFormed"):
    """Created when every wanted container manager is in the ring."""

    def __init__(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(RingFormedProvider(), name, dict(props), opts)
