"""SwarmNode: one host's place in a swarm; joins after the host is in Consul, leaves drained."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import DiffResult, Resource

from providers import process
from providers.access import pinned_access
from providers.external_consul import external_consul
from providers.leaving import leave_swarm
from providers.link import Link, taken_away

if TYPE_CHECKING:
    from metal.cluster.swarm import SwarmRecord
    from metal.cluster.swarm.wish import NodeWish
    from metal.site import Site

__all__ = ["SwarmNode"]


class SwarmNodeProvider(Link):
    replaces = ("up", "consul", "cluster")
    evicts = True
    in_swarm = True

    def identity(self, props: dict[str, Any]) -> str:
        return f"{props['up']}/swarm/{props['cluster']}"

    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        found = super().diff(id_, olds, news)
        if not found.changes:
            process.note_settled(str(news["host"]))
        return found

    def act(self, props: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
        from metal.cluster.swarm import ensure_node

        site = process.site(str(props["owner"]))
        # Only where the only manager was given up is the swarm of the last run one to be left for another.
        former = str(before.get("swarm_id") or "") if props.get("reborn") else ""
        site.partings.note_joining(str(props["host"]), str(props["cluster"]))
        report = ensure_node(
            site,
            replace(_wish(props), former=former or None),
            _record(site, props),
        )
        return {"swarm_id": report.swarm, "node_id": report.node, "endpoint": report.endpoint, "membership": "member"}

    def look(self, props: dict[str, Any]) -> dict[str, Any]:
        from metal.cluster.swarm import observe_node
        from metal.cluster.swarm.labels import DRAINED_LABEL

        seen = observe_node(process.site(str(props["owner"])), _wish(props))
        same = seen.local == "active" and seen.node == props.get("node_id")
        if same and DRAINED_LABEL in seen.labels:
            # Put back into its pool after all, it would stay without work: nothing else has changed there.
            return {"membership": "drained for a removal that did not end"}
        if same and seen.role is not None and seen.role.value != props["role"]:
            return {"membership": f"{seen.role.value} without being asked to"}
        return {"membership": "member" if same else f"not a member: {seen.local}"}

    def drifted(self, olds: dict[str, Any], news: dict[str, Any]) -> tuple[str, ...]:
        left = ("membership",) if olds.get("membership") not in (None, "member") else ()
        return (*left, *taken_away(olds, news, "keep", "availability", "on_stuck"))

    def undo(self, props: dict[str, Any]) -> None:
        from metal.settings.fleet import Identity

        site, identity = process.site(str(props["owner"])), Identity(**props["identity"])
        leave_swarm(site, props, identity=identity, external=external_consul(props), wish=_wish(props))


class SwarmNode(Resource, module="metalswarm", name="SwarmNode"):
    """Outputs: `swarm_id`, `node_id`, `endpoint` (managers), `membership`."""

    swarm_id: pulumi.Output[str]
    node_id: pulumi.Output[str]
    endpoint: pulumi.Output[str]
    membership: pulumi.Output[str]

    def __init__(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        computed = dict.fromkeys(("swarm_id", "node_id", "endpoint", "membership"))
        super().__init__(SwarmNodeProvider(), name, {**props, **computed}, opts)


def _record(site: Site, props: dict[str, Any]) -> SwarmRecord:
    from metal.cluster.consul.reached import ReachedRecord
    from metal.settings.fleet import Identity

    return ReachedRecord(
        site,
        str(props["cluster"]),
        host=str(props["host"]),
        access=pinned_access(props),
        identity=Identity(**props["identity"]),
        patience=site.fleet.deadlines.consul,
        external=external_consul(props),
    )


def _wish(props: dict[str, Any]) -> NodeWish:
    from metal.cluster.swarm.wish import NodeWish
    from metal.plan.join import Role
    from metal.settings.fleet import OnStuck, SwarmWish

    swarm = props["swarm"]
    return NodeWish(
        host=str(props["host"]),
        access=pinned_access(props),
        cluster=str(props["cluster"]),
        role=Role(props["role"]),
        swarm=SwarmWish(
            address_pool=str(swarm["address_pool"]),
            subnet_size=int(swarm["subnet_size"]),
            data_path_port=int(swarm["data_path_port"]),
            interface=str(swarm["interface"]) or None,
            port=int(swarm["port"]),
        ),
        labels={key: str(value) for key, value in props["labels"].items()},
        keep=bool(props.get("keep")),
        availability=str(props.get("availability") or "active"),
        on_stuck=OnStuck(props.get("on_stuck") or OnStuck.WAIT),
    )
