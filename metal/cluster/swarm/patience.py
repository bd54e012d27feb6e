"""Add before remove: who has to be a healthy manager first."""

from __future__ import annotations

from metal.cluster.swarm.view import View
from metal.plan.override import waives
from metal.plan.quorum import Rule
from metal.site import Site

__all__ = ["before_demotion", "missing_managers"]


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


def before_demotion(site: Site, cluster: str, view: View, *, host: str, node: str | None, asked: str) -> str | None:
    """Return what the demotion of a manager must wait for, or None.

    Where `quorum` is waived nobody waits for managers that are missing; the majority itself is Raft's to keep.

    :param host: whose node is to be demoted; `node` is the id that its engine has, None for a dead one.
    :param asked: the host of the manager that gave `view`.
    """
    missing = missing_managers(site, cluster, view, but=host)
    wish = site.fleet.clusters.get(cluster)
    if missing and not (wish and waives(wish.override, Rule.QUORUM)):
        return f"waits until {', '.join(missing)} can take over as manager"
    if asked == host:
        return "a demotion needs another manager that answers"
    found = view.node(node)
    if found is not None and found.unheard:
        # It hears of its demotion in its session with the leader, and has half a minute for its worker's certificate.
        return "waits until the present leader has heard of it"
    return None


def _is_out(site: Site, name: str) -> bool:
    facts = site.fleet.facts(name)
    return bool(facts and (facts.hold or facts.lost))
