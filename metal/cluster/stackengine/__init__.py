"""The container manager on every node of a cluster; StackEngine is the built-in driver."""

from metal.cluster.stackengine.controller import StackEngine
from metal.cluster.stackengine.driver import RingNode, register_driver
from metal.cluster.stackengine.ensure import ensure_manager_node
from metal.cluster.stackengine.observe import (
    ManagerNodeSeen,
    RingReport,
    observe_manager_node,
    read_nodes,
    wait_formed,
)
from metal.cluster.stackengine.remove import remove_manager_node
from metal.cluster.stackengine.wish import ManagerNodeReport, ManagerNodeWish
from metal.settings.fleet import ManagerDriver

__all__ = [
    "ManagerNodeReport",
    "ManagerNodeSeen",
    "ManagerNodeWish",
    "RingNode",
    "RingReport",
    "ensure_manager_node",
    "observe_manager_node",
    "read_nodes",
    "remove_manager_node",
    "wait_formed",
]

register_driver(ManagerDriver.STACKENGINE, StackEngine)
