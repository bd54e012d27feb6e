"""Looks at one node of a swarm from both sides."""

from __future__ import annotations

from metal.cluster.docker.api import DockerApi
from metal.cluster.swarm.living import LivingManagers
from metal.cluster.swarm.view import observe_local
from metal.cluster.swarm.wish import NodeSeen, NodeWish
from metal.plan.join import LocalState, Role
from metal.site import Site
from metal.waiting import LOOK_SECONDS

__all__ = ["observe_node"]


def observe_node(site: Site, wish: NodeWish) -> NodeSeen:
    """Look at the host's engine and at what the managers say of it; changes nothing.

    :raises HostError: the host cannot be asked.
    :raises EngineSilent: its engine does not answer.
    """
    ssh = site.ssh.connect(wish.access, deadline=site.run.deadline(LOOK_SECONDS))
    with DockerApi(ssh, timeout=10) as api:
        local = observe_local(ssh, api)
    if local.state is LocalState.INACTIVE:
        return NodeSeen(local.state.value, None, None, None)
    living = LivingManagers(site, wish.cluster, host=wish.host, access=wish.access, peers=wish.peers)
    living.learn(addresses=local.managers)
    with living.open(local.swarm) as found:
        node = found[1].node(local.node) if found else None
    if node is None:
        return NodeSeen(local.state.value, local.node, local.swarm, local.role)
    return NodeSeen(
        local=local.state.value,
        node=local.node,
        swarm=local.swarm,
        # The managers' word: an engine hears of a change of its role after them.
        role=node.role,
        state=node.state,
        availability=node.availability,
        labels=node.labels,
        reachable=node.reachable if node.role is Role.MANAGER else None,
        leader=node.leader,
    )
