"""How long a change may wait for another host of the cluster to take over."""

from __future__ import annotations

from metal.site import Site

__all__ = ["patience"]


def patience(site: Site, cluster: str) -> float:
    """Return seconds within which another manager, installed first if need be, must have joined."""
    limits, wish = site.fleet.deadlines, site.fleet.clusters.get(cluster)
    turns = max(1, len(wish.managers) if wish else 1)
    chain = limits.boot + limits.ssh + limits.ready + limits.packages + limits.engine + limits.consul
    return chain + turns * limits.swarm
