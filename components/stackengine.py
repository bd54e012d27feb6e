"""StackEngine: the container manager on every node of a cluster, managing from the nodes the user chose."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from components.inputs import cluster_inputs, manager_node_inputs, reborn
from components.names import former_names
from components.swarm_cluster import SwarmCluster
from metal.settings.fleet import ClusterWish, Fleet
from providers.formed import RingFormed
from providers.host_ready import HostReady
from providers.manager_node import ManagerNode

__all__ = ["StackEngine"]


class StackEngine(pulumi.ComponentResource):
    """The ring in order, then every other node, registered in both directions.

    :ivar nodes: by host name.
    """

    def __init__(
        self,
        cluster: ClusterWish,
        fleet: Fleet,
        ready: Mapping[str, HostReady],
        swarm: SwarmCluster,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("metalswarm:index:StackEngine", cluster.name, None, opts)
        self.formed = RingFormed(
            cluster.name,
            {**cluster_inputs(cluster, fleet.owner), "up": swarm.formed.id},
            pulumi.ResourceOptions(parent=self),
        )
        self.nodes: dict[str, ManagerNode] = {}
        # The ring first: where its only member is reborn, the others wait for it.
        for name in sorted(cluster.hosts, key=lambda name: not fleet.hosts[name].is_container_manager):
            host = fleet.hosts[name]
            first: list[pulumi.Resource] = [] if host.is_container_manager else [self.formed]
            again = reborn(cluster, fleet, cluster.container_managers, name)
            if again:
                first.append(self.nodes[cluster.container_managers[0]])
            told = manager_node_inputs(host, fleet.owner, cluster, swarm.nodes[name].id, ready[name].host_key)
            self.nodes[name] = ManagerNode(
                name,
                {**told, **again},
                pulumi.ResourceOptions(
                    parent=self, depends_on=first, protect=host.protected, aliases=former_names(host)
                ),
            )
        self.register_outputs({})
