"""ConsulCluster: the store that keeps track of a swarm's nodes, formed before the swarm is."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from components.inputs import cluster_inputs, consul_member_inputs, reborn, rotation, swarm_rotation
from components.names import former_names
from metal.settings.fleet import ClusterWish, DestroyRule, Fleet
from providers.cluster_identity import ClusterIdentity
from providers.cluster_plan import ClusterPlan
from providers.consul_member import ConsulMember
from providers.formed import ConsulFormed
from providers.host_ready import HostReady

__all__ = ["ConsulCluster"]


class ConsulCluster(pulumi.ComponentResource):
    """A cluster's identity, its Consul servers, then its Consul clients.

    :ivar plan: what every resource of the cluster waits for.
    :ivar members: by host name.
    """

    def __init__(
        self,
        cluster: ClusterWish,
        fleet: Fleet,
        ready: Mapping[str, HostReady],
        plan: ClusterPlan,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("metalswarm:index:ConsulCluster", cluster.name, None, opts)
        inputs = cluster_inputs(cluster, fleet.owner)
        self.identity = ClusterIdentity(
            cluster.name,
            {**inputs, "identity": {**rotation(cluster), **swarm_rotation(cluster)}},
            pulumi.ResourceOptions(parent=self, protect=fleet.limits.destroy is DestroyRule.REFUSE),
        )
        self.plan = plan
        self.formed = ConsulFormed(
            cluster.name,
            {**inputs, "up": self.identity.id},
            pulumi.ResourceOptions(parent=self, depends_on=[self.plan]),
        )
        self.members: dict[str, ConsulMember] = {}
        # The servers first: where the only one is reborn, the others wait for it.
        for name in sorted(cluster.hosts, key=lambda name: not fleet.hosts[name].is_consul_server):
            host = fleet.hosts[name]
            # Servers form the cluster that the barrier waits for; only clients may wait for the barrier.
            first: list[pulumi.Resource] = [self.plan] if host.is_consul_server else [self.plan, self.formed]
            again = reborn(cluster, fleet, cluster.consul_servers, name)
            if again:
                first.append(self.members[cluster.consul_servers[0]])
            self.members[name] = ConsulMember(
                name,
                {**consul_member_inputs(host, fleet, cluster, ready[name].id, ready[name].host_key), **again},
                pulumi.ResourceOptions(
                    parent=self, depends_on=first, protect=host.protected, aliases=former_names(host)
                ),
            )
        self.register_outputs({})
