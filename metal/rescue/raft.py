"""The Swarm's raft directory of one manager: copied while its engine is held still, put back while it is stopped."""

from __future__ import annotations

from metal.cluster.docker.api import DockerApi
from metal.cluster.swarm.listed import rewrite
from metal.errors import ClusterError
from metal.host.ssh import Ssh
from metal.site import Site
from metal.waiting import Deadline

__all__ = ["copy_raft", "put_raft", "raft_age", "swarm_folder", "write_through"]

_SECONDS = 300.0

# The engine stands still while the files are copied, so they are of one moment, as after a power cut, which raft's log
# is made for. Its containers run on. Whatever becomes of this script or its connection, the engine goes on after 8 s;
# raft gives a manager 10 s before it elects another.
_COPY = """
folder=$1
pid=$(systemctl show --property=MainPID --value docker.service)
[ "$pid" -gt 1 ]
rm -rf /var/lib/metalswarm-copy.*
work=$(mktemp -d /var/lib/metalswarm-copy.XXXXXX)
( sleep 8; kill -CONT "$pid"; kill -TERM $$ ) >/dev/null 2>&1 &
guard=$!
trap 'kill -CONT "$pid" || :; kill "$guard" 2>/dev/null || :; rm -rf "$work"' EXIT
trap 'echo "not copied within 8 s, or cut off" >&2; exit 1' HUP INT TERM
kill -STOP "$pid"
cp -a "$folder" "$work/swarm"
kill -CONT "$pid"
kill "$guard" 2>/dev/null || :
tar -C "$work" -czf - swarm
"""

# Within one file system: the old state is beside the new one until that is whole.
_PUT = """
folder=$1
rm -rf "$folder.new"
mkdir -m 0700 "$folder.new"
tar -C "$folder.new" --strip-components=1 -xzf -
[ -s "$folder.new/docker-state.json" ]
rm -rf "$folder.old"
[ ! -e "$folder" ] || mv "$folder" "$folder.old"
mv "$folder.new" "$folder"
"""

# Prints the second of the last write to raft's log; nothing where the host takes part in no raft.
_AGE = """
[ -d "$1/raft/wal-v3-encrypted" ] || exit 0
find "$1/raft/wal-v3-encrypted" -name '*.wal' -printf '%T@\n' | sort -n | tail -n 1 | cut -d. -f1
"""


def swarm_folder(site: Site) -> str:
    """Where engines keep their swarm's state."""
    return f"{site.fleet.docker.daemon.get('data-root', '/var/lib/docker')}/swarm"


def write_through(api: DockerApi, leader: str, *, deadline: Deadline) -> None:
    """Have all that the swarm has acknowledged until now on the leader's disk as committed.

    Raft's log keeps the mark of what is committed in memory until the next entry comes, and a new cluster that is
    forced from a copy drops what lies behind the mark. So one more entry is written, which changes nothing.
    Source: etcd, wal.Save and raft.MustSync; swarmkit, manager/state/raft/storage.go.

    :param leader: node id.
    """

    rewrite(api, leader, deadline=deadline, host=api.host)


def copy_raft(site: Site, ssh: Ssh) -> bytes:
    """The manager's directory as a .tar.gz; holds the swarm's keys and secrets.

    :raises HostError: its engine is not up, or the files could not be copied within eight seconds.
    """
    return ssh.script(_COPY, swarm_folder(site), timeout=_SECONDS).raw


def put_raft(site: Site, ssh: Ssh, content: bytes) -> None:
    """Put a copy in the place of what the host has, which is kept beside it as `swarm.old`. The engine must be down.

    :raises ClusterError: the engine runs.
    """
    if ssh.run(["systemctl", "is-active", "docker.service"], check=False).rc == 0:
        raise ClusterError("its engine runs, and would write over what is put back", host=ssh.access.host)
    ssh.script(_PUT, swarm_folder(site), stdin=content, timeout=_SECONDS)


def raft_age(site: Site, ssh: Ssh) -> int | None:
    """When the host last wrote to its raft log, in seconds since 1970; None where it is no manager."""
    text = ssh.script(_AGE, swarm_folder(site)).stdout.strip()
    return int(text) if text else None
