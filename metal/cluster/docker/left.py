"""Waits until an engine is out of its swarm, so that nothing under a node goes while the node is still leaving.

A host that goes to another cluster begins two new lives at once, that of its engine and that of its Consul member.
Pulumi takes the node down for one of them, and the other does not wait for that.
"""

from __future__ import annotations

from metal.cluster.docker import paths
from metal.cluster.docker.api import DockerApi, EngineSilent
from metal.cluster.patience import patience
from metal.errors import ClusterError
from metal.host.service import observe_unit
from metal.host.ssh import Ssh
from metal.site import Site
from metal.waiting import Pending, wait_until

__all__ = ["await_left"]

_ASK_SECONDS = 10.0


def await_left(site: Site, ssh: Ssh, cluster: str, *, what: str) -> None:
    """Wait until the host's engine is in no swarm; one that does not run is in none.

    :param what: what must not happen before, as a clause ("its engine is stopped").
    :raises ClusterError: not in time, or the host's leaving has failed in this run.
    """
    host = ssh.access.host
    if not observe_unit(ssh, paths.UNIT).up:
        return
    deadline = site.run.deadline(patience(site, cluster))

    def probe() -> bool | Pending:
        with DockerApi(ssh, timeout=_ASK_SECONDS) as api:
            state = str((api.info().get("Swarm") or {}).get("LocalNodeState") or "inactive")
        if state == "inactive":
            return True
        if host not in site.places.failures():
            return Pending(f"its engine is in a swarm still ({state})")
        raise ClusterError(
            f"it has not left the swarm of {cluster}, and not before that {what}",
            host=host,
            seen="another link of this host failed in this run",
            next_step="mend what failed there first, then run again",
        )

    wait_until(
        f"{host} has left the swarm of {cluster}",
        probe,
        deadline=deadline,
        fail=lambda awaited, seen: ClusterError(
            f"not within {deadline.seconds:.0f} s: {awaited}; not before that {what}",
            seen=seen,
            next_step="run there: docker swarm leave --force, if that node is given up; then run again",
        ),
        host=host,
        passing=(EngineSilent,),
    )
