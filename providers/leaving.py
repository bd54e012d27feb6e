"""What becomes of a host's cluster when one of its links is taken down, for the links that are memberships of it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from metal.plan.leaving import Leaving, is_dissolving
from metal.plan.override import gives_up
from providers import process
from providers.access import pinned_access

if TYPE_CHECKING:
    from metal.cluster.swarm.wish import NodeWish
    from metal.settings.external import ExternalConsul
    from metal.settings.fleet import ClusterWish, Identity
    from metal.site import Site

__all__ = ["cluster_dissolves", "last_is_given_up", "leave_swarm"]


def cluster_dissolves(site: Site, props: dict[str, Any]) -> bool:
    """Whether the whole cluster of the link goes away."""
    wanted = str(props["cluster"]) in site.fleet.clusters
    return is_dissolving(process.leaving(str(props["host"])), cluster_wanted=wanted)


def last_is_given_up(site: Site, props: dict[str, Any], voters: Callable[[ClusterWish], Collection[str]]) -> bool:
    """Whether the cluster's only voter begins a new life, and what it holds goes with the old one.

    :param voters: the wanted ones of the link's layer.
    """
    host, wanted = str(props["host"]), site.fleet.clusters.get(str(props["cluster"]))
    new_life = process.leaving(host) is Leaving.NEW_LIFE
    return wanted is not None and new_life and gives_up(wanted.override, voters(wanted), host)


def leave_swarm(
    site: Site,
    props: dict[str, Any],
    *,
    identity: Identity | None,
    external: ExternalConsul | None,
    wish: NodeWish | None = None,
) -> None:
    """Have the host of a link out of its cluster's swarm, before the link goes or as it goes.

    :param props: outputs of the link; its `cluster` is the swarm's.
    :param identity: rotation numbers of the host's Consul agent; None where the cluster and its Consul are gone.
    :param wish: of the membership's own link; None for a link under it, which comes after that one.
    """
    from metal.cluster.consul.reached import ReachedRecord
    from metal.cluster.swarm import ensure_left
    from metal.cluster.swarm.wish import NodeWish
    from metal.plan.join import Role
    from metal.settings.fleet import SwarmWish

    host, cluster, access = str(props["host"]), str(props["cluster"]), pinned_access(props)
    facts = site.fleet.facts(host)
    if wish is None and facts is not None and facts.evict:
        # Its links are updated, not deleted: that of the membership comes after this one, and may wait for others.
        return
    gone = cluster_dissolves(site, props)
    record = identity and ReachedRecord(
        site,
        cluster,
        host=host,
        access=access,
        identity=identity,
        # A cluster that goes away may have lost its other servers already; only the host's own agent is asked then.
        patience=0 if gone else site.fleet.deadlines.evict,
        external=external,
    )
    ensure_left(
        site,
        # Role and swarm settings are of no interest to one that leaves.
        wish or NodeWish(host, access, cluster, Role.WORKER, SwarmWish()),
        record or None,
        dissolving=gone,
        dead=process.is_given_up(str(props["owner"]), host),
        give_up=last_is_given_up(site, props, lambda wanted: wanted.managers),
        others=wish is None and process.leaving(host) is Leaving.NEW_LIFE,
    )
