"""The ring as its living members show it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from metal.cluster.stackengine.driver import Driver, ManagerApi, RingNode
from metal.errors import ClusterError, HostError
from metal.site import Site
from metal.waiting import Deadline

__all__ = ["dialable", "node_api", "observe_ring", "wanted_admins"]

# One look at one ring member, in seconds.
_LOOK_SECONDS = 8.0


def dialable(site: Site, names: Collection[str]) -> list[str]:
    """Those of `names` that the inventory knows and nobody has put on hold or given up, sorted."""
    known = [(name, site.fleet.facts(name)) for name in sorted(names)]
    return [name for name, facts in known if facts is not None and facts.hold is None and not facts.lost]


def wanted_admins(site: Site, cluster: str) -> list[str]:
    """The ring members that the settings want and that may be dialled; none for a cluster that is gone from them."""
    wish = site.fleet.clusters.get(cluster)
    return dialable(site, wish.container_managers) if wish is not None else []


@contextmanager
def node_api(site: Site, driver: Driver, host: str, key: str, *, deadline: Deadline) -> Iterator[ManagerApi]:
    ssh = site.ssh.connect(site.access(host), deadline=deadline)
    with driver.open(ssh, key) as api:
        yield api


def observe_ring(
    site: Site, driver: Driver, names: Collection[str], key: str, *, deadline: Deadline
) -> tuple[dict[str, tuple[RingNode, ...]], list[str]]:
    """Ask each of `names` for the nodes that it knows.

    :returns: the lists of those that answer and manage, by name; and what the others said instead.
    """
    ring: dict[str, tuple[RingNode, ...]] = {}
    said: list[str] = []
    for name in names:
        try:
            with node_api(site, driver, name, key, deadline=deadline.look(_LOOK_SECONDS)) as api:
                nodes = api.nodes()
        except (HostError, ClusterError) as error:
            said.append(f"{name}: {error.what}" + (f" ({error.seen})" if error.seen else ""))
            continue
        if any(node.name == name and node.admin for node in nodes):
            ring[name] = nodes
        else:
            said.append(f"{name}: is in no ring yet")
    return ring, said
