"""ConsulMember: one host's place in a cluster's Consul datacenter, taken before the swarm and left after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import Resource

from metal.plan.leaving import is_dissolving
from providers import process
from providers.access import pinned_access
from providers.artifact import artifact
from providers.link import Link

if TYPE_CHECKING:
    from metal.cluster.consul.wish import MemberWish

__all__ = ["ConsulMember"]


class ConsulMemberProvider(Link):
    replaces = ("up", "cluster", "datacenter")
    disruptive = frozenset({"artifact", "identity", "renewal_due"})

    def identity(self, props: dict[str, Any]) -> str:
        return f"{props['up']}/consul/{props['cluster']}"

    def act(self, props: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
        from metal.cluster.consul import ensure_member
        from metal.cluster.wave import Layer, rolling

        site, wish = process.site(str(props["owner"])), _wish(props)
        with rolling(site, wish.host, wish.access, Layer.CONSUL) as disrupt:
            report = ensure_member(site, wish, disrupt=disrupt)
        return {"node_id": report.node_id, "membership": "passing"}

    def look(self, props: dict[str, Any]) -> dict[str, Any]:
        from metal.cluster.consul import observe_member

        seen = observe_member(process.site(str(props["owner"])), _wish(props))
        return {"membership": seen.serf or "absent", **({"renewal_due": True} if seen.renewal_due else {})}

    def drifted(self, olds: dict[str, Any], news: dict[str, Any]) -> tuple[str, ...]:
        absent = ("membership",) if olds.get("membership") not in (None, "passing") else ()
        return (*absent, "renewal_due") if olds.get("renewal_due") else absent

    def undo(self, props: dict[str, Any]) -> None:
        from metal.cluster.consul import remove_member

        site = process.site(str(props["owner"]))
        gone = is_dissolving(
            process.leaving(str(props["host"])), cluster_wanted=str(props["cluster"]) in site.fleet.clusters
        )
        remove_member(site, _wish(props), dissolving=gone)


class ConsulMember(Resource, module="metalswarm", name="ConsulMember"):
    """Outputs: `node_id` (the same for every life of the host), `membership` (gossip: passing, critical, absent)."""

    node_id: pulumi.Output[str]
    membership: pulumi.Output[str]

    def __init__(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(ConsulMemberProvider(), name, {**props, "node_id": None, "membership": None}, opts)


def _wish(props: dict[str, Any]) -> MemberWish:
    from metal.cluster.consul.wish import MemberWish
    from metal.settings.fleet import Identity

    return MemberWish(
        host=str(props["host"]),
        access=pinned_access(props),
        cluster=str(props["cluster"]),
        server=bool(props["server"]),
        servers={name: str(address) for name, address in props["servers"].items()},
        datacenter=str(props["datacenter"]),
        artifact=artifact(props["artifact"]),
        identity=Identity(**props["identity"]),
        life=str(props["life"]),
    )
