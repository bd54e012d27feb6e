"""Backups of a cluster: on request, and before a step that could cost its control plane."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from metal.cluster.consul import MemberWish, find_living
from metal.cluster.consul.living import reachable_hosts
from metal.cluster.docker.api import DockerApi
from metal.cluster.swarm.living import LivingManagers
from metal.cluster.swarm.view import View
from metal.errors import Cancelled, ClusterError, HostError, HostFault, MetalError
from metal.plan.quorum import Membership
from metal.plan.risk import risks
from metal.rescue.raft import copy_raft, write_through
from metal.rescue.seal import BackupKind, Label, seal
from metal.rescue.snapshot import take_snapshot
from metal.settings.fleet import Fleet
from metal.site import Site

__all__ = ["BackupReport", "back_up", "back_up_at_risk", "backup_folder", "write_backup"]

_LOOK_SECONDS = 20.0
_SUFFIX = ".backup"


class _LeaderAway(ClusterError):
    """The manager that leads cannot be asked for its files."""


@dataclass(frozen=True)
class BackupReport:
    """:ivar files: what was written, one file a part."""

    cluster: str
    files: tuple[Path, ...]


def backup_folder(fleet: Fleet, cluster: str, root: Path) -> Path:
    """Where a cluster's backups lie; without a word in the settings, in a folder of the stack's own.

    :param root: the project's folder.
    """
    return root / (fleet.clusters[cluster].backup.folder or f".metalswarm/backups/{fleet.owner.replace('/', '.')}")


def back_up(site: Site, cluster: str, folder: Path) -> BackupReport:
    """Write the cluster's Consul snapshot and the leading manager's raft directory, encrypted, into `folder`.

    An existing Consul is backed up by whoever runs it.

    :raises ClusterError: Consul or the swarm has no leader: then see `metalswarm recover`.
    """
    files = []
    if _has_own_consul(site, cluster):
        deadline = site.run.deadline(site.fleet.deadlines.consul)
        host, content = take_snapshot(site, cluster, deadline=deadline)
        files.append(write_backup(site, folder, _label(site, cluster, BackupKind.CONSUL, host), content))
    with LivingManagers(site, cluster).open(None) as found:
        if found is None:
            raise ClusterError(
                f"no manager of {cluster} answers with a leader",
                next_step=f"bring a majority of them up; where that is lost for good: metalswarm recover {cluster}",
            )
        return BackupReport(cluster, (*files, _back_up_swarm(site, cluster, folder, *found)))


def back_up_at_risk(site: Site, old: Membership, new: Membership, *, root: Path) -> tuple[str, ...]:
    """As :func:`back_up`, before a change that takes voters down, where the settings want it; nothing before others.

    What has no leader is named and holds nothing up: there is nothing that a backup could be taken through, and the
    change may be what mends it.

    :param root: the project's folder.
    :returns: a line for each part that was left out.
    """
    cluster, lines = new.cluster, risks(old, new)
    wanted = site.fleet.clusters[cluster].backup
    if not wanted.automatic or not lines:
        return ()
    site.run.progress(f"{cluster}: backup first: {', '.join(lines)}")
    folder = backup_folder(site.fleet, cluster, root)
    try:
        return _back_up_what_leads(site, cluster, folder, wanted.keep)
    except MetalError as error:
        if not isinstance(error, Cancelled):
            go_on = f"to go on without a backup, set clusters.{cluster}.backup.automatic to false"
            error.next_step = f"{error.next_step}; {go_on}" if error.next_step else go_on
        raise


def write_backup(site: Site, folder: Path, label: Label, content: bytes) -> Path:
    """Seal and write one part: mode 0600, whole or not at all."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    stamp = label.taken.replace(":", "").replace("-", "")
    path = folder / f"{label.cluster}-{label.kind}-{stamp}{_SUFFIX}"
    handle, fresh = tempfile.mkstemp(prefix=".backup-", dir=folder)  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(seal(site.credentials.seed(), label, content))
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except BaseException:
        Path(fresh).unlink(missing_ok=True)
        raise
    return path


def _back_up_what_leads(site: Site, cluster: str, folder: Path, keep: int) -> tuple[str, ...]:
    missing: list[str] = []
    wish = MemberWish.asking(site.fleet, cluster)
    own = _has_own_consul(site, cluster)
    if own and find_living(site, wish, deadline=site.run.deadline(_LOOK_SECONDS)):
        host, content = take_snapshot(site, cluster, deadline=site.run.deadline(site.fleet.deadlines.consul))
        write_backup(site, folder, _label(site, cluster, BackupKind.CONSUL, host), content)
    elif own:
        missing.append(f"{cluster}: no backup of Consul: none of its servers knows a leader")
    with LivingManagers(site, cluster).open(None) as found:
        try:
            if found is None:
                raise _LeaderAway("none of its managers knows a leader")
            _back_up_swarm(site, cluster, folder, *found)
        except _LeaderAway as error:
            missing.append(f"{cluster}: no backup of the swarm: {error.what}")
    for kind in BackupKind:
        for path in sorted(folder.glob(f"{cluster}-{kind}-*{_SUFFIX}"))[:-keep]:
            path.unlink(missing_ok=True)
    return tuple(missing)


def _has_own_consul(site: Site, cluster: str) -> bool:
    return site.fleet.clusters[cluster].consul.external is None


def _back_up_swarm(site: Site, cluster: str, folder: Path, api: DockerApi, view: View) -> Path:
    """Of the leader: it alone is known to hold all that the swarm has acknowledged."""
    (leader,) = [node for node in view.nodes if node.leader]
    # One that is about to leave is in no pool any more, and leads all the same.
    host = next((name for name in (*site.fleet.hosts, *site.fleet.unmanaged) if leader.is_of(name)), None)
    if host is None or not reachable_hosts(site, [host]):
        raise _LeaderAway(f"the leader of {cluster}, {leader.name}, is no host that may be dialled")
    try:
        ssh = site.ssh.connect(site.access(host), deadline=site.run.deadline(site.fleet.deadlines.evict))
    except HostError as error:
        if error.fault not in (HostFault.UNREACHABLE, HostFault.TIMEOUT):
            raise
        raise _LeaderAway(f"the leader of {cluster}, {host}, does not answer", seen=error.seen) from None
    write_through(api, leader.id, deadline=site.run.deadline(site.fleet.deadlines.swarm))
    label = _label(site, cluster, BackupKind.SWARM, host, view.swarm)
    return write_backup(site, folder, label, copy_raft(site, ssh))


def _label(site: Site, cluster: str, kind: BackupKind, host: str, swarm: str = "") -> Label:
    taken = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return Label(site.fleet.owner, cluster, kind, host, taken, swarm)
