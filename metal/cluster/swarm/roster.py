"""The whole swarm as its managers list it, for whoever wants to know and not to change."""

from __future__ import annotations

from metal.cluster.swarm.living import LivingManagers
from metal.cluster.swarm.view import Node
from metal.errors import ClusterError
from metal.site import Site

__all__ = ["read_swarm"]


def read_swarm(site: Site, cluster: str) -> tuple[Node, ...]:
    """Every node that a living manager of the cluster lists; one round over its hosts, without waiting.

    :raises ClusterError: none answers as a manager; says what each one said.
    """
    living = LivingManagers(site, cluster)
    with living.open(None) as found:
        if found is None:
            raise ClusterError(
                f"no manager of {cluster} answers",
                seen=living.seen,
                next_step="see `systemctl status docker` on its managers",
            )
        return found[1].nodes
