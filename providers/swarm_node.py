"""SwarmNode: one host's place in a swarm; joins after the host is in Consul, leaves drained."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import Resource

from providers import process
from providers.access import pinned_access
from providers.external_consul import external_consul
from providers.leaving import cluster_dissolves, last_is_given_up
from providers.link import Link, taken_away

if TYPE_CHECKING:
    from metal.cluster.swarm import SwarmRecord
    from metal.cluster.swarm.wish import NodeWish
    from metal.site import Site

__all__ = ["SwarmNode"]


class SwarmNodeProvider(Link):
    replaces = ("up", "consul", "cluster")
    evicts = True

    def identity(self, props: dict[str, Any]) -> str:
        return f"{props['up']}/swarm/{props['cluster']}"

    def act(self, props: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
        from metal.cluster.swarm import ensure_node

        site = process.site(str(props["owner"]))
        # Only where the only manager was given up is the swarm of the last run one to be left for another.
        former = str(before.get("swarm_id") or "") if props.get("reborn") else ""
        report = ensure_node(
            site,
            replace(_wish(props), former=former or None),
            _record(site, props, patience=site.fleet.deadlines.consul),
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
        return {"membership": "member" if same else f"not a member: {seen.local}"}

    def drifted(self, olds: dict[str, Any], news: dict[str, Any]) -> tuple[str, ...]:
        left = ("membership",) if olds.get("membership") not in (None, "member") else ()
        return (*left, *taken_away(olds, news, "keep", "availability", "on_stuck"))

    def undo(self, props: dict[str, Any]) -> None:
        from metal.cluster.swarm import remove_node

        site = process.site(str(props["owner"]))
        gone = cluster_dissolves(site, props)
        # A cluster that goes away may have lost its other servers already; only the host's own agent is asked then.
        record = _record(site, props, patience=0 if gone else site.fleet.deadlines.evict)
        give_up = last_is_given_up(site, props, lambda cluster: cluster.managers)
        dead = process.is_given_up(str(props["owner"]), str(props["host"]))
        remove_node(site, _wish(props), record, dissolving=gone, dead=dead, give_up=give_up)


class SwarmNode(Resource, module="metalswarm", name="SwarmNode"):
    """Outputs: `swarm_id`, `node_id`, `endpoint` (managers), `membership`."""

    swarm_id: pulumi.Output[str]
    node_id: pulumi.Output[str]
    endpoint: pulumi.Output[str]
    membership: pulumi.Output[str]

    def __init__(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        computed = dict.fromkeys(("swarm_id", "node_id", "endpoint", "membership"))
        super().__init__(SwarmNodeProvider(), name, {**props, **computed}, opts)


def _record(site: Site, props: dict[str, Any], *, patience: float) -> SwarmRecord:
    from metal.cluster.consul.reached import ReachedRecord
    from metal.settings.fleet import Identity

    return ReachedRecord(
        site,
        str(props["cluster"]),
        host=str(props["host"]),
        access=pinned_access(props),
        identity=Identity(**props["identity"]),
        patience=patience,
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
