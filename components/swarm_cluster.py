"""SwarmCluster: Docker engines that know each other, masters chosen by the user."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from components.consul_cluster import ConsulCluster
from components.inputs import cluster_inputs, reborn, swarm_node_inputs, swarm_rotation
from components.names import former_names
from metal.settings.fleet import ClusterWish, Fleet
from providers.docker_engine import DockerEngine
from providers.formed import SwarmFormed
from providers.host_ready import HostReady
from providers.rebalance import Rebalance
from providers.swarm_node import SwarmNode

__all__ = ["SwarmCluster"]


class SwarmCluster(pulumi.ComponentResource):
    """Managers one at a time, then every worker at once; each enters Consul before it joins.

    :ivar nodes: by host name.
    """

    def __init__(
        self,
        cluster: ClusterWish,
        fleet: Fleet,
        ready: Mapping[str, HostReady],
        engines: Mapping[str, DockerEngine],
        consul: ConsulCluster,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("metalswarm:index:SwarmCluster", cluster.name, None, opts)
        raised = swarm_rotation(cluster)
        self.formed = SwarmFormed(
            cluster.name,
            {
                **cluster_inputs(cluster, fleet.owner),
                "up": consul.identity.id,
                **({"rotation": raised} if raised else {}),
            },
            pulumi.ResourceOptions(parent=self, depends_on=[consul.plan, consul.formed]),
        )
        self.nodes: dict[str, SwarmNode] = {}
        for name in cluster.hosts:
            host = fleet.hosts[name]
            # Managers form the swarm that the barrier waits for; only workers may wait for the barrier.
            first: list[pulumi.Resource] = [consul.plan] if host.is_manager else [consul.plan, self.formed]
            # The store that knows the swarm, or the swarm itself; managers come before workers here.
            again = reborn(cluster, fleet, cluster.consul_servers, name)
            if swarm := reborn(cluster, fleet, cluster.managers, name):
                first.append(self.nodes[cluster.managers[0]])
                again = swarm
            told = swarm_node_inputs(
                host, fleet.owner, cluster, engines[name].id, consul.members[name].id, ready[name].host_key
            )
            self.nodes[name] = SwarmNode(
                name,
                {**told, **again},
                pulumi.ResourceOptions(
                    parent=self, depends_on=first, protect=host.protected, aliases=former_names(host)
                ),
            )
        if cluster.swarm.rebalance:
            # After all that joined: whoever is on hold is no place for work, and counts as new when the hold is over.
            workers = {name: self.nodes[name].id for name in cluster.workers if not fleet.hosts[name].hold}
            Rebalance(
                cluster.name,
                {**cluster_inputs(cluster, fleet.owner), "workers": workers},
                pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})
