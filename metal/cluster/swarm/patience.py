"""Add before remove: who has to be a healthy manager first."""

from __future__ import annotations

from metal.cluster.swarm.view import View
from metal.errors import ClusterError
from metal.plan.join import Role
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
    :raises ClusterError: it would wait for a manager that this run does not make.
    """
    missing = missing_managers(site, cluster, view, but=host)
    wish = site.fleet.clusters.get(cluster)
    if missing and not (wish and waives(wish.override, Rule.QUORUM)):
        _refuse_unmade(site, cluster, view, missing, host=host)
        return f"waits until {', '.join(missing)} can take over as manager"
    if asked == host:
        return "a demotion needs another manager that answers"
    found = view.node(node)
    if found is not None and found.unheard:
        # It hears of its demotion in its session with the leader, and has half a minute for its worker's certificate.
        return "waits until the present leader has heard of it"
    return None


def _refuse_unmade(site: Site, cluster: str, view: View, missing: tuple[str, ...], *, host: str) -> None:
    """Somebody demoted or removed a wanted manager by hand, and the state does not know: nobody is going to mend it."""
    unmade = [
        name
        for name in missing
        if site.is_settled(name) and not any(node.role is Role.MANAGER for node in view.lives_of(name))
    ]
    if unmade:
        names = ", ".join(unmade)
        raise ClusterError(
            f"has to manage {cluster} until {names} does, and nothing in this run makes it a manager",
            host=host,
            seen=f"the swarm has {names} as no manager, the state has it as one",
            next_step="take what was changed by hand into the state: pulumi refresh; then run again",
        )


def _is_out(site: Site, name: str) -> bool:
    facts = site.fleet.facts(name)
    return bool(facts and (facts.hold or facts.lost))
