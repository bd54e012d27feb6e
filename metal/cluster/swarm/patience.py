"""Add before remove: who has to be a healthy manager first, and how long that may take."""

from __future__ import annotations

from metal.cluster.swarm.view import Local, View
from metal.site import Site

__all__ = ["former_managers", "missing_managers", "patience"]


def missing_managers(site: Site, cluster: str, view: View, *, but: str) -> tuple[str, ...]:
    """Return the wanted managers, apart from one, that are not yet ready and reachable, without those held or lost."""
    wish = site.fleet.clusters.get(cluster)
    healthy = {
        name
        for name in (wish.managers if wish else ())
        if any(node.ready and node.reachable for node in view.lives_of(name))
    }
    expected = [name for name in (wish.managers if wish else ()) if name != but and not _is_out(site, name)]
    return tuple(name for name in expected if name not in healthy)


def former_managers(view: View, local: Local) -> tuple[str, ...]:
    """Return addresses that an engine still takes for managers and that are none any more, sorted.

    A manager that is demoted asks one of those it knows for its worker's certificate. If that one was itself demoted a
    moment ago, it does not answer, and the engine falls into error.
    """
    return tuple(sorted(set(local.managers) - {node.raft for node in view.nodes if node.voter}))


def patience(site: Site, cluster: str) -> float:
    """Return seconds within which another manager, installed first if need be, must have joined."""
    limits, wish = site.fleet.deadlines, site.fleet.clusters.get(cluster)
    turns = max(1, len(wish.managers) if wish else 1)
    chain = limits.boot + limits.ssh + limits.ready + limits.packages + limits.engine + limits.consul
    return chain + turns * limits.swarm


def _is_out(site: Site, name: str) -> bool:
    facts = site.fleet.facts(name)
    return bool(facts and (facts.hold or facts.lost))
