"""Moves a running ring to another key: every node accepts it, then shows it; a restart forgets the old one."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor

from metal.cluster.stackengine.driver import Driver, ManagerApi, RingNode
from metal.cluster.stackengine.ring import dialable
from metal.cluster.stackengine.wish import ManagerNodeWish
from metal.errors import ClusterError, HostError
from metal.host.ssh import Ssh
from metal.pki.secrets import fingerprint
from metal.site import Site
from metal.waiting import Pending, wait_until

__all__ = ["needs_rekey", "rekey"]

_LOOK_SECONDS = 8.0
_AT_ONCE = 16

# The key that each ring was moved to last by this process: each of its nodes asks, and one answer is enough.
_moved: dict[tuple[str, str], str] = {}


def needs_rekey(driver: Driver, ssh: Ssh, key: str) -> bool:
    """Whether the host's node was set up with another key."""
    found = driver.key_of(ssh)
    return found is not None and found != key.strip()


def rekey(site: Site, driver: Driver, wish: ManagerNodeWish, key: str) -> None:
    """Have every node that runs accept `key`, and then show it. Nothing is restarted; call it holding the ring's turn.

    Nodes that are down take the key with their own next update.

    :raises ClusterError: within the deadline `manager`, a node that the ring calls active could not be told.
    """
    ring = (site.fleet.owner, wish.cluster)
    if _moved.get(ring) == fingerprint(key):
        return
    deadline = site.run.deadline(site.fleet.deadlines.manager)
    cluster = site.fleet.clusters[wish.cluster]
    move = _Move(site, driver, key)

    def accepted() -> bool | Pending:
        told = move.enter(dialable(site, cluster.hosts), use=False)
        untold = sorted(move.active - told)
        return Pending(f"active and not told: {', '.join(untold)} ({move.said})") if untold else True

    wait_until(
        f"every running container manager of {wish.cluster} accepts the new key",
        accepted,
        deadline=deadline,
        fail=lambda late, seen: ClusterError(
            late,
            seen=seen,
            next_step="make these hosts reachable, or stop what runs there, and run again; the old key still works",
        ),
        host=wish.host,
    )
    site.run.progress(f"{wish.host}: every running container manager of {wish.cluster} accepts the new key")
    move.enter(dialable(site, cluster.hosts), use=True)
    _moved[ring] = fingerprint(key)


class _Move:
    """:ivar active: names that the nodes call active, of the last round."""

    def __init__(self, site: Site, driver: Driver, key: str) -> None:
        self._site = site
        self._driver = driver
        self._key = key
        self._said: dict[str, str] = {}
        self.active: frozenset[str] = frozenset()

    @property
    def said(self) -> str:
        return "; ".join(f"{host}: {word}" for host, word in sorted(self._said.items()))

    def enter(self, hosts: Collection[str], *, use: bool) -> set[str]:
        """Enter the key on each host whose node runs; the names of those that took it."""
        told: set[str] = set()
        active: set[str] = set()
        self._said = {}

        def enter(api: ManagerApi) -> tuple[RingNode, ...]:
            api.enter(self._key, use=use)
            return api.nodes()

        def one(host: str) -> None:
            try:
                deadline = self._site.run.deadline(_LOOK_SECONDS)
                ssh = self._site.ssh.connect(self._site.access(host), deadline=deadline)
                nodes = self._through(ssh, enter)
            except (HostError, ClusterError) as error:
                self._said[host] = error.what
                return
            told.add(host)
            active.update(node.name for node in nodes if node.active)

        if hosts:
            with ThreadPoolExecutor(min(_AT_ONCE, len(hosts))) as threads:
                list(threads.map(one, hosts))
        self.active = frozenset(active)
        return told

    def _through(self, ssh: Ssh, call: Callable[[ManagerApi], tuple[RingNode, ...]]) -> tuple[RingNode, ...]:
        """Call with the key of the host's configuration; a node that was restarted with the new one knows only that."""
        own = self._driver.key_of(ssh)
        try:
            with self._driver.open(ssh, self._key) as api:
                return call(api)
        except ClusterError:
            if own is None or own == self._key.strip():
                raise
        with self._driver.open(ssh, own) as api:
            return call(api)
