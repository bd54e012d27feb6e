"""ConsulMember: one host's place in a cluster's Consul datacenter, taken before the swarm and left after it."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import Resource

from metal.plan.renewal import CONSUL_RENEW_DAYS, is_due
from providers import process
from providers.access import pinned_access
from providers.artifact import artifact
from providers.external_consul import external_consul
from providers.leaving import cluster_dissolves, last_is_given_up, leave_swarm
from providers.link import Link, former_name

if TYPE_CHECKING:
    from metal.cluster.consul.wish import MemberWish

__all__ = ["ConsulMember"]


class ConsulMemberProvider(Link):
    replaces = ("up", "cluster", "datacenter")
    evicts = True
    # Secrets and certificates are taken by a reload.
    disruptive = frozenset({"artifact"})

    def identity(self, props: dict[str, Any]) -> str:
        return f"{props['up']}/consul/{props['cluster']}"

    def act(self, props: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
        from metal.cluster.consul import ensure_member
        from metal.cluster.consul.rename import leave_old_name
        from metal.cluster.wave import Layer, rolling

        site, wish = process.site(str(props["owner"])), _wish(props)
        if former_name(props, before) is not None:
            leave_old_name(site, _wish({**before, "host_key": props.get("host_key")}), wish)
        with rolling(site, wish.host, wish.access, Layer.CONSUL) as disrupt:
            report = ensure_member(site, wish, disrupt=disrupt)
        if report.unfinished:
            process.warn(f"{props['host']}: {report.unfinished}; the next `pulumi up` goes on with it")
        return {
            "node_id": report.node_id,
            "membership": "passing",
            "not_after": report.not_after,
            "unfinished": report.unfinished,
        }

    def look(self, props: dict[str, Any]) -> dict[str, Any]:
        from metal.cluster.consul import observe_member

        wish = _wish(props)
        seen = observe_member(process.site(str(props["owner"])), wish)
        live = {"membership": seen.serf or "absent"}
        if seen.serf == "passing" and seen.server is not None and seen.server is not wish.server:
            live = {"membership": f"a {'server' if seen.server else 'client'} without being asked to"}
        return {**live, "not_after": seen.not_after} if seen.not_after else live

    def drifted(self, olds: dict[str, Any], news: dict[str, Any]) -> tuple[str, ...]:
        away = olds.get("membership") not in (None, "passing")
        due = is_due(olds.get("not_after"), datetime.now(UTC), days=CONSUL_RENEW_DAYS)
        wrong = {"membership": away, "not_after": due, "unfinished": bool(olds.get("unfinished"))}
        return tuple(name for name, is_wrong in wrong.items() if is_wrong)

    def undo(self, props: dict[str, Any]) -> None:
        from metal.cluster.consul import remove_member
        from metal.settings.fleet import Identity

        site, identity = process.site(str(props["owner"])), Identity(**props["identity"])
        given_up = last_is_given_up(site, props, lambda cluster: cluster.consul_servers)
        dissolving = cluster_dissolves(site, props) or given_up
        remove_member(
            site,
            _wish(props),
            dissolving=dissolving,
            leave=partial(leave_swarm, site, props, identity=identity, external=external_consul(props)),
        )


class ConsulMember(Resource, module="metalswarm", name="ConsulMember"):
    """Outputs: `node_id` (the same for every life of the host), `membership` (gossip: passing, critical, absent),
    `not_after` (end of its certificate), `unfinished` (what keeps a rotation from its end).
    """

    node_id: pulumi.Output[str]
    membership: pulumi.Output[str]
    not_after: pulumi.Output[str]
    unfinished: pulumi.Output[str]

    def __init__(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        computed = dict.fromkeys(("node_id", "membership", "not_after", "unfinished"))
        super().__init__(ConsulMemberProvider(), name, {**props, **computed}, opts)


def _wish(props: dict[str, Any]) -> MemberWish:
    from metal.cluster.consul.wish import NO_ARTIFACT, MemberWish
    from metal.settings.fleet import Identity

    return MemberWish(
        host=str(props["host"]),
        access=pinned_access(props),
        cluster=str(props["cluster"]),
        server=bool(props["server"]),
        servers={name: str(address) for name, address in props["servers"].items()},
        datacenter=str(props["datacenter"]),
        artifact=artifact(props["artifact"]) if props["artifact"] else NO_ARTIFACT,
        identity=Identity(**props["identity"]),
        life=str(props["life"]),
        external=external_consul(props),
    )
