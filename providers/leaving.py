"""What becomes of a host's cluster when one of its links is taken down, for the links that are memberships of it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from metal.plan.leaving import Leaving, is_dissolving
from metal.plan.override import gives_up
from providers import process

if TYPE_CHECKING:
    from metal.settings.fleet import ClusterWish
    from metal.site import Site

__all__ = ["cluster_dissolves", "last_is_given_up", "stack_is_destroyed"]


def cluster_dissolves(site: Site, props: dict[str, Any]) -> bool:
    """Whether the whole cluster of the link goes away."""
    wanted = str(props["cluster"]) in site.fleet.clusters
    return is_dissolving(process.leaving(str(props["host"])), cluster_wanted=wanted)


def stack_is_destroyed(props: dict[str, Any]) -> bool:
    """Whether the link goes because the whole stack does."""
    return process.leaving(str(props["host"])) is Leaving.DESTROYED


def last_is_given_up(site: Site, props: dict[str, Any], voters: Callable[[ClusterWish], Collection[str]]) -> bool:
    """Whether the cluster's only voter begins a new life, and what it holds goes with the old one.

    :param voters: the wanted ones of the link's layer.
    """
    host, wanted = str(props["host"]), site.fleet.clusters.get(str(props["cluster"]))
    new_life = process.leaving(host) is Leaving.NEW_LIFE
    return wanted is not None and new_life and gives_up(wanted.override, voters(wanted), host)
