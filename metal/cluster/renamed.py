"""The settings of this run, without the new name of a host that still has to leave its old one behind."""

from __future__ import annotations

from dataclasses import replace

from metal.site import Site

__all__ = ["before_rename"]


def before_rename(site: Site, cluster: str, host: str) -> Site:
    """`site` whose cluster does not count on `host` yet, so that nobody waits for it while its old name goes."""
    wish = site.fleet.clusters[cluster]
    without = replace(
        wish,
        consul_servers=tuple(name for name in wish.consul_servers if name != host),
        container_managers=tuple(name for name in wish.container_managers if name != host),
    )
    clusters = {**site.fleet.clusters, cluster: without}
    return replace(site, fleet=replace(site.fleet, clusters=clusters))
