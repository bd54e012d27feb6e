"""Membership of a host in its cluster's swarm: birth, join, role, labels, leave."""

from metal.cluster.swarm.formed import FormedReport, wait_formed
from metal.cluster.swarm.leave import remove_node
from metal.cluster.swarm.left import ensure_left
from metal.cluster.swarm.needed import refuse_needed_host
from metal.cluster.swarm.node import ensure_node
from metal.cluster.swarm.observe import observe_node
from metal.cluster.swarm.rebalance import rebalance
from metal.cluster.swarm.record import SwarmRecord
from metal.cluster.swarm.rotate import rotate_swarm
from metal.cluster.swarm.wish import NodeReport, NodeSeen, NodeWish

__all__ = [
    "FormedReport",
    "NodeReport",
    "NodeSeen",
    "NodeWish",
    "SwarmRecord",
    "ensure_left",
    "ensure_node",
    "observe_node",
    "rebalance",
    "refuse_needed_host",
    "remove_node",
    "rotate_swarm",
    "wait_formed",
]
