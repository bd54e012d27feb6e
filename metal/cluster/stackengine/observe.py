"""What a node and its ring say, for refresh, status and the barrier."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from metal.cluster.stackengine.driver import RingNode, driver_for
from metal.cluster.stackengine.ring import node_api, observe_ring, wanted_admins
from metal.cluster.stackengine.wish import ManagerNodeWish
from metal.errors import ClusterError, HostError
from metal.settings.fleet import ManagerDriver
from metal.site import Site
from metal.waiting import LOOK_SECONDS, Pending, wait_until

__all__ = ["ManagerNodeSeen", "RingReport", "observe_manager_node", "read_nodes", "wait_formed"]


@dataclass(frozen=True)
class ManagerNodeSeen:
    """One node by its own word.

    :ivar installed: its configuration is on the host.
    :ivar version: empty when it does not serve.
    :ivar ring: names of the ring members that it sees active, sorted.
    :ivar registered: it knows itself as a node of a ring.
    """

    host: str
    installed: bool
    version: str = ""
    admin: bool = False
    registered: bool = False
    ring: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def observe_manager_node(site: Site, wish: ManagerNodeWish) -> ManagerNodeSeen:
    """Ask the node itself; one that is down is an observation, a host that is away an error.

    :raises HostError: the host cannot be reached.
    """
    driver = driver_for(wish.driver)
    ssh = site.ssh.connect(wish.access, deadline=site.run.deadline(LOOK_SECONDS))
    running = driver.observe(ssh)
    if running is None:
        return ManagerNodeSeen(wish.host, installed=False)
    try:
        with driver.open(ssh, site.credentials.manager_key(wish.key)) as api:
            version, nodes = api.version(), api.nodes()
    except ClusterError:
        return ManagerNodeSeen(wish.host, installed=True, admin=running.admin)
    return ManagerNodeSeen(
        host=wish.host,
        installed=True,
        version=version,
        admin=running.admin,
        registered=any(node.name == wish.host and node.active for node in nodes),
        ring=tuple(sorted(node.name for node in nodes if node.admin and node.active)),
    )


def read_nodes(site: Site, cluster: str) -> dict[str, RingNode]:
    """Every node as one living ring member of the cluster shows it, by name; empty where none answers."""
    manager = site.fleet.clusters[cluster].manager
    driver = driver_for(manager.driver)
    key = site.credentials.manager_key(manager.key)
    deadline = site.run.deadline(site.fleet.deadlines.manager)
    for name in wanted_admins(site, cluster):
        try:
            with node_api(site, driver, name, key, deadline=deadline) as api:
                return {node.name: node for node in api.nodes()}
        except (ClusterError, HostError):
            continue
    return {}


@dataclass(frozen=True)
class RingReport:
    """:ivar admins: host names, sorted."""

    cluster: str
    admins: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def wait_formed(site: Site, cluster: str) -> RingReport:
    """Wait until every wanted ring member sees every other one active. Nothing to wait for with driver `none`.

    Ring members on hold count as down: nobody waits for them.

    :raises ClusterError: not within the deadline `manager`.
    """
    manager = site.fleet.clusters[cluster].manager
    if manager.driver is ManagerDriver.NONE:
        return RingReport(cluster, ())
    driver, key = driver_for(manager.driver), site.credentials.manager_key(manager.key)
    wanted = wanted_admins(site, cluster)
    deadline = site.run.deadline(site.fleet.deadlines.manager)

    def probe() -> RingReport | Pending:
        ring, said = observe_ring(site, driver, wanted, key, deadline=deadline)
        missing = list(said)
        for name, nodes in ring.items():
            active = {node.name for node in nodes if node.admin and node.active}
            missing += [f"{name} does not see {other}" for other in wanted if other not in active]
        return Pending("; ".join(missing)) if missing else RingReport(cluster, tuple(wanted))

    def fail(late: str, seen: str) -> ClusterError:
        return ClusterError(
            late,
            tried=[f"the node lists of {', '.join(wanted)}"],
            seen=seen,
            next_step="look at the errors of its nodes, then run again",
        )

    return wait_until(f"the ring of {cluster} is formed", probe, deadline=deadline, fail=fail)
