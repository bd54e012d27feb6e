"""Consul's own snapshot: taken through any server that knows a leader, checked before it counts."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zlib

from metal.cluster.consul import MemberWish, living_api
from metal.cluster.consul.api import ConsulSilent
from metal.errors import ClusterError
from metal.site import Site
from metal.waiting import Deadline, wait_until

__all__ = ["check_snapshot", "put_snapshot", "take_snapshot"]

_MEMBERS = ("meta.json", "state.bin")
# Of the cluster's whole store, through SSH.
_SECONDS = 300.0


def take_snapshot(site: Site, cluster: str, *, deadline: Deadline) -> tuple[str, bytes]:
    """The host that was asked, and the archive: KV, catalogue, ACL tokens, sessions.

    :raises ClusterError: no server knows a leader, or what came is not whole.
    Source: Consul API, /v1/snapshot.
    """
    wish = _own(site, cluster)

    def probe() -> tuple[str, bytes]:
        with living_api(site, wish, deadline=deadline) as api:
            content = api.download("snapshot", seconds=_SECONDS)
            check_snapshot(content, host=api.host)
            return api.host, content

    # The server that leads may be on its way out of the raft, and resets what it has under way.
    return wait_until(
        f"a snapshot of the Consul of {cluster}",
        probe,
        deadline=deadline,
        fail=lambda late, seen: ClusterError(
            late,
            seen=seen,
            next_step="see `consul operator raft list-peers` on a server, then run again",
        ),
        passing=(ConsulSilent,),
    )


def put_snapshot(site: Site, cluster: str, content: bytes, *, deadline: Deadline) -> str:
    """Replace everything that the cluster's Consul holds by the snapshot; the host that was asked.

    :raises ClusterError: no server knows a leader, or it does not take the snapshot.
    """
    wish = _own(site, cluster)
    check_snapshot(content, host=wish.host)
    with living_api(site, wish, deadline=deadline) as api:
        api.upload("snapshot", content, seconds=_SECONDS)
        return api.host


def _own(site: Site, cluster: str) -> MemberWish:
    if site.fleet.clusters[cluster].consul.external is not None:
        raise ClusterError(
            f"the Consul of {cluster} is not ours",
            next_step="back it up, and restore it, in the way of those who run it",
        )
    return MemberWish.asking(site.fleet, cluster)


def check_snapshot(content: bytes, *, host: str) -> None:
    """Whether the archive is whole: its own SHA256SUMS say so.

    :raises ClusterError: it is not.
    Source: consul, snapshot/archive.go.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(content)), mode="r:") as archive:
            found = {each.name: archive.extractfile(each) for each in archive.getmembers() if each.isfile()}
            texts = {name: file.read() for name, file in found.items() if file is not None}
        lines = [line.split(maxsplit=1) for line in texts["SHA256SUMS"].decode().splitlines() if line]
        sums = {name: digest for digest, name in lines}
        wrong = [name for name in _MEMBERS if hashlib.sha256(texts[name]).hexdigest() != sums[name]]
    except (tarfile.TarError, OSError, EOFError, zlib.error, KeyError, ValueError) as error:
        wrong = [f"{type(error).__name__}: {error}"]
    if wrong:
        raise ClusterError(
            "the Consul snapshot is not whole",
            host=host,
            seen=", ".join(wrong),
            next_step="look at `journalctl -u consul` there, then run again",
        )
