"""ManagerNode: the container manager's software on one node, managing or managed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import Resource

from providers import process
from providers.access import pinned_access
from providers.artifact import artifact
from providers.leaving import cluster_dissolves, last_is_given_up
from providers.link import Link, former_name

if TYPE_CHECKING:
    from metal.cluster.stackengine import ManagerNodeWish

__all__ = ["ManagerNode"]


class ManagerNodeProvider(Link):
    replaces = ("up", "cluster", "driver")
    evicts = True
    in_swarm = True

    def identity(self, props: dict[str, Any]) -> str:
        return f"{props['up']}/manager/{props['driver']}"

    def act(self, props: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
        from metal.cluster.renamed import before_rename
        from metal.cluster.stackengine import ensure_manager_node, remove_manager_node

        site, wish = process.site(str(props["owner"])), _wish(props)
        if former_name(props, before) is not None:
            # It is known by name, so the old one is taken out and the new one registered.
            old = _wish({**before, "host_key": props.get("host_key")})
            remove_manager_node(before_rename(site, wish.cluster, wish.host), old, dissolving=False)
        ensure_manager_node(site, wish)
        return {"registered": True}

    def look(self, props: dict[str, Any]) -> dict[str, Any]:
        from metal.cluster.stackengine import observe_manager_node

        return {"registered": observe_manager_node(process.site(str(props["owner"])), _wish(props)).registered}

    def drifted(self, olds: dict[str, Any], news: dict[str, Any]) -> tuple[str, ...]:
        return ("registered",) if olds.get("registered") is False else ()

    def undo(self, props: dict[str, Any]) -> None:
        from metal.cluster.stackengine import remove_manager_node
        from metal.cluster.swarm import refuse_needed_host

        site = process.site(str(props["owner"]))
        gone = cluster_dissolves(site, props)
        given_up = last_is_given_up(site, props, lambda cluster: cluster.container_managers)
        if not gone:
            # The first link to go: refused here, nothing of the host has been taken down.
            refuse_needed_host(site, str(props["cluster"]), str(props["host"]))
        remove_manager_node(site, _wish(props), dissolving=gone or given_up)


class ManagerNode(Resource, module="metalswarm", name="ManagerNode"):
    """Outputs: `registered` (the controller lists the node)."""

    registered: pulumi.Output[bool]

    def __init__(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(ManagerNodeProvider(), name, {**props, "registered": None}, opts)


def _wish(props: dict[str, Any]) -> ManagerNodeWish:
    from metal.cluster.stackengine import ManagerNodeWish
    from metal.settings.fleet import ManagerDriver

    return ManagerNodeWish(
        host=str(props["host"]),
        access=pinned_access(props),
        cluster=str(props["cluster"]),
        driver=ManagerDriver(props["driver"]),
        admin=bool(props["admin"]),
        key=str(props["key"]),
        artifact=artifact(props["artifact"]),
    )
