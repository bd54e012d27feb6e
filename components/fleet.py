"""Every component of a stack, built from its settings."""

from __future__ import annotations

from dataclasses import dataclass, field

from components.consul_cluster import ConsulCluster
from components.docker_host import DockerHost
from components.inputs import cluster_plan_inputs, cluster_plan_words
from components.ready_host import ReadyHost
from components.stackengine import StackEngine
from components.swarm_cluster import SwarmCluster
from metal.settings.fleet import Fleet, ManagerDriver
from providers.cluster_plan import ClusterPlan
from providers.docker_engine import DockerEngine
from providers.host_ready import HostReady

__all__ = ["BuiltFleet", "build_fleet"]


@dataclass
class BuiltFleet:
    """The components, by host or cluster name.

    :ivar plans: each refuses a change that would cost its cluster quorum.
    """

    plans: dict[str, ClusterPlan] = field(default_factory=dict)
    hosts: dict[str, ReadyHost] = field(default_factory=dict)
    docker: dict[str, DockerHost] = field(default_factory=dict)
    consul: dict[str, ConsulCluster] = field(default_factory=dict)
    swarms: dict[str, SwarmCluster] = field(default_factory=dict)
    managers: dict[str, StackEngine] = field(default_factory=dict)


def build_fleet(fleet: Fleet) -> BuiltFleet:
    """Register every resource that `fleet` asks for."""
    built = BuiltFleet()
    for name, cluster in fleet.clusters.items():
        built.plans[name] = ClusterPlan(
            name, {**cluster_plan_inputs(cluster, fleet), **cluster_plan_words(cluster, fleet)}
        )
    # Every host waits for every plan: one that leaves a cluster is no member of it any more, and moves or goes down
    # only if that cluster's plan allows it.
    plans = list(built.plans.values())
    ready: dict[str, HostReady] = {}
    engines: dict[str, DockerEngine] = {}
    for name, host in fleet.hosts.items():
        built.hosts[name] = ReadyHost(host, fleet, plans)
        link = built.hosts[name].ready
        if link is None:
            continue
        ready[name] = link
        if host.purpose.has_docker:
            built.docker[name] = DockerHost(host, fleet, link)
            engines[name] = built.docker[name].engine
    for name, cluster in fleet.clusters.items():
        consul = built.consul[name] = ConsulCluster(cluster, fleet, ready, built.plans[name])
        swarm = built.swarms[name] = SwarmCluster(cluster, fleet, ready, engines, consul)
        if cluster.manager.driver is not ManagerDriver.NONE:
            built.managers[name] = StackEngine(cluster, fleet, ready, swarm)
    return built
