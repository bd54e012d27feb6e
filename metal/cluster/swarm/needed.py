"""Refuses to take away the last node that a service may run on."""

from __future__ import annotations

from metal.cluster.docker.api import DockerApi
from metal.cluster.swarm.labels import HOST_LABEL
from metal.cluster.swarm.living import LivingManagers
from metal.cluster.swarm.placed import read_places, read_services
from metal.errors import PlanRefused
from metal.plan.placement import only_here
from metal.site import Site

__all__ = ["NEEDED", "refuse_needed", "refuse_needed_host", "returns"]

# The name by which `clusters.<name>.override` waives it.
NEEDED = "needed"


def returns(site: Site, cluster: str, host: str) -> bool:
    """Whether the settings still want the host in the cluster: it leaves only to come back in a new life."""
    wanted = site.fleet.hosts.get(host)
    return wanted is not None and wanted.cluster == cluster


def refuse_needed(site: Site, cluster: str, host: str, manager: DockerApi, node: str) -> None:
    """Look whether services would have no place left without a node that does not come back; changes nothing.

    :param node: id of the host's node.
    :raises PlanRefused: with the services and what binds them.
    """
    wish = site.fleet.clusters.get(cluster)
    if wish is None or NEEDED in wish.override or returns(site, cluster, host):
        return
    places = read_places(manager)
    # Others of ours that the settings want no more leave as well; what somebody else has joined by hand stays.
    leaving = [one.host for one in places if HOST_LABEL in one.labels and one.host not in wish.hosts]
    bound = only_here(read_services(manager), read_places(manager, leaving=leaving), node)
    if bound:
        told = [f"{one.name} ({one.replicas} replicas; {', '.join(one.constraints) or 'any node'})" for one in bound]
        raise PlanRefused(
            f"services of {cluster} may run on no other active node: {', '.join(told)}",
            host=host,
            tried=["compared the placement of every replicated service with the nodes that stay"],
            next_step="give them another node, scale them to 0 or remove them; "
            f"or waive this in the settings: clusters.{cluster}.override: [{NEEDED}]",
        )


def refuse_needed_host(site: Site, cluster: str, host: str) -> None:
    """The same for whoever takes something of the host down before it leaves the swarm.

    Nothing where no manager answers or the node is not ready: leaving the swarm deals with that.
    """
    facts = site.fleet.facts(host)
    if returns(site, cluster, host) or (facts is not None and facts.given_up):
        return
    with LivingManagers(site, cluster, host=host).open(None) as found:
        if found is None:
            return
        manager, view = found
        for node in view.lives_of(host):
            if node.ready:
                refuse_needed(site, cluster, host, manager, node.id)
