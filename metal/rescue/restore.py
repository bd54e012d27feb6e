"""The way back from a backup, for a cluster of which nothing is left that could be recovered."""

from __future__ import annotations

from metal.cluster.docker.api import DockerApi
from metal.cluster.swarm.living import LivingManagers
from metal.errors import PlanRefused
from metal.host.service import start, stop
from metal.rescue.managers import force_new, node_wish
from metal.rescue.raft import put_raft
from metal.rescue.seal import BackupKind, unseal
from metal.rescue.snapshot import put_snapshot
from metal.site import Site

__all__ = ["restore_consul", "restore_swarm"]


def restore_consul(site: Site, cluster: str, sealed: bytes) -> str:
    """Replace everything that the cluster's Consul holds by the backup; the host that was asked.

    :raises PlanRefused: the backup is of another cluster or kind.
    :raises ClusterError: no server knows a leader: a cluster has to be formed first.
    """
    content = _open(site, cluster, sealed, BackupKind.CONSUL)
    return put_snapshot(site, cluster, content, deadline=site.run.deadline(site.fleet.deadlines.consul))


def restore_swarm(site: Site, cluster: str, host: str, sealed: bytes) -> str:
    """Have `host` go on as the only manager of the swarm that the backup is of; the swarm's id.

    Its engine is stopped for it; what it had as its swarm is kept beside.

    :param host: that the backup was taken on, or its successor under the same name and address.
    :raises PlanRefused: the backup is of another cluster or host, or a manager of the swarm still leads.
    """
    content = _open(site, cluster, sealed, BackupKind.SWARM, host=host)
    with LivingManagers(site, cluster).open(None) as found:
        if found is not None:
            raise PlanRefused(
                f"the swarm {found[1].swarm} of {cluster} has a leader, and a second one would be made",
                host=found[0].host,
                next_step="nothing is to be restored; to have the old one back, take the new one down first",
            )
    limits = site.fleet.deadlines
    deadline = site.run.deadline(limits.engine)
    ssh = site.ssh.connect(site.access(host), deadline=deadline)
    for unit in ("docker.socket", "docker.service"):
        stop(ssh, unit, deadline=deadline, disable=False)
    put_raft(site, ssh, content)
    start(ssh, "docker.service", deadline=deadline)
    with DockerApi(ssh) as api:
        return force_new(site, api, node_wish(site, cluster, host), deadline=site.run.deadline(limits.swarm)).swarm


def _open(site: Site, cluster: str, sealed: bytes, kind: BackupKind, *, host: str = "") -> bytes:
    label, content = unseal(site.credentials.seed(), sealed)
    if (label.owner, label.cluster, label.kind) != (site.fleet.owner, cluster, kind) or host not in ("", label.host):
        raise PlanRefused(
            f"this backup is of another part: {label.kind} of {label.cluster} ({label.owner}), taken on {label.host}",
            host=host or None,
            next_step=f"name one of {kind} of {cluster}" + (f" that was taken on {host}" if host else ""),
        )
    return content
