"""The place of a host that is reinstalled: taken when its old life is taken down, given back when the new one stands.

A new life is many operations of the engine, one after the other; the place outlasts each of them.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from metal.errors import Cancelled, MetalError
from metal.settings.fleet import ManagerDriver, Purpose
from providers import process

if TYPE_CHECKING:
    from metal.settings.fleet import Fleet, HostWish
    from metal.site import Site

__all__ = ["await_new_life", "last_link", "note_failure", "note_made", "parting", "under_way"]

# Who holds a place for a new life in this process; guarded by the engine: one operation at a time on one host's chain.
_begun: set[str] = set()


def await_new_life(props: dict[str, Any]) -> None:
    """Wait for the host's place before the first link of a life is taken down for another one in the same home.

    A host that moves elsewhere, or out of the program, is no wave's business: it was asked to go.

    :param props: outputs of the link that goes.
    :raises WaveStopped: a host before it in its wave is not well.
    """
    host, home = str(props["host"]), _home(props)
    if host in _begun or not home:
        return
    site = process.site(str(props["owner"]))
    wish = site.fleet.hosts.get(host)
    if wish is None or home != (wish.cluster or wish.purpose.value):
        return
    from metal.cluster.place import await_host

    with site.places.guard(host):
        if host not in _begun:
            await_host(site, host)
            _begun.add(host)


def under_way(props: dict[str, Any]) -> AbstractContextManager[None]:
    """Around every operation: others may have to wait for what comes of it."""
    if "host" not in props or "owner" not in props or not process.is_open():
        return nullcontext()
    return process.site(str(props["owner"])).places.under_way(str(props["host"]))


def parting(props: dict[str, Any]) -> AbstractContextManager[None]:
    """Around the end of a link that is in the swarm: what stands under it waits."""
    return process.site(str(props["owner"])).partings.leaving(str(props["host"]))


def note_made(link: str, props: dict[str, Any]) -> None:
    """A link stands; with the last one of a new life its place is free."""
    host = str(props.get("host", ""))
    if host not in _begun:
        return
    site = process.site(str(props["owner"]))
    wish = site.fleet.hosts.get(host)
    if wish is None or link == last_link(site.fleet, wish):
        _begun.discard(host)
        site.places.done(host)


def note_failure(props: dict[str, Any], error: BaseException) -> None:
    """An operation failed: whoever waits for its host, or for hosts of its cluster, need not wait on."""
    if isinstance(error, Cancelled) or "owner" not in props or not process.is_open():
        return
    site = process.site(str(props["owner"]))
    why = error.brief if isinstance(error, MetalError) else str(error)
    for host in _concerned(site, props):
        site.places.fail(host, why)
        if host in _begun:
            site.places.stop(host, why)


def last_link(fleet: Fleet, wish: HostWish) -> str:
    """The link with which a host's chain is whole."""
    if wish.cluster is not None:
        driver = fleet.clusters[wish.cluster].manager.driver
        return "SwarmNode" if driver is ManagerDriver.NONE else "ManagerNode"
    return {Purpose.DOCKER: "DockerEngine", Purpose.READY: "HostReady"}.get(wish.purpose, "Power")


def _concerned(site: Site, props: dict[str, Any]) -> list[str]:
    if "host" in props:
        return [str(props["host"])]
    # A barrier: the chains that wait for it do not go on in this run, and nobody tells.
    cluster = str(props.get("cluster", ""))
    return [host for host in tuple(_begun) if (wish := site.fleet.hosts.get(host)) and wish.cluster == cluster]


def _home(props: dict[str, Any]) -> str:
    """Cluster, or purpose, of the life that a link belongs to; empty for a link that does not say."""
    if "authority" in props:
        return str(props["authority"]) or Purpose.DOCKER.value
    return str(props.get("cluster") or props.get("home") or "")
