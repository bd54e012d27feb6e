"""Barriers: a cluster's control plane stands. What comes after it depends on one of these, not on every host."""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi.dynamic import DiffResult, Resource

from metal.plan.difference import plain
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
        from metal.pki.authority import Authority

        site, cluster = process.site(str(props["owner"])), str(props["cluster"])
        wait_formed(site, cluster)
        rotation = site.fleet.clusters[cluster].identity.ca
        return {"rotation": rotation, "authority": Authority.of(site.credentials.seed(), cluster, rotation).fingerprint}

    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        self._refuse_other_seed(plain(olds))
        return super().diff(id_, olds, news)

    def _refuse_other_seed(self, seen: dict[str, Any]) -> None:
        """A run that has nothing to do with certificates would look right with any seed, and the next one break it."""
        from metal.errors import PlanRefused

        if "authority" not in seen:
            return
        cluster = str(seen["cluster"])
        found = process.authority(cluster, int(seen["rotation"]))
        if found is not None and found.fingerprint != seen["authority"]:
            raise PlanRefused(
                f"metalswarm:seed is not the seed that cluster {cluster} was formed with",
                tried=["compared the authority that follows from it with the one in the stack's state"],
                next_step="set the seed that it was formed with, and run again",
            )


class SwarmFormedProvider(_Formed):
    layer = "swarm"

    def act(self, props: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
        from metal.cluster.swarm import rotate_swarm, wait_formed

        site, cluster = process.site(str(props["owner"])), str(props["cluster"])
        wait_formed(site, cluster)
        raised = props.get("rotation") or {}
        if raised:
            left = rotate_swarm(site, cluster, join=int(raised.get("join", 1)), ca=int(raised.get("swarm", 1)))
            if left:
                process.warn(f"{cluster}: {left}")
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
    """Created when every wanted manager is ready and reachable. Rotates what belongs to the swarm as a whole."""

    def __init__(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(SwarmFormedProvider(), name, dict(props), opts)


class RingFormed(Resource, module="metalswarm", name="RingFormed"):
    """Created when every wanted container manager is in the ring."""

    def __init__(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(RingFormedProvider(), name, dict(props), opts)
