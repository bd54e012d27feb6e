"""Reaching a cluster through whichever of its servers answers."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from metal.cluster.consul.api import ConsulApi, open_api
from metal.cluster.consul.external import external_api, open_external
from metal.cluster.consul.wish import MemberWish
from metal.errors import ClusterError, HostError, MetalError
from metal.site import Site
from metal.waiting import Deadline, Pending, wait_until

__all__ = ["dialable_servers", "find_living", "living_api", "member_api", "reachable_hosts"]

# For one look at one host, in seconds: it answers, or the next one is asked.
_LOOK_SECONDS = 8.0


def reachable_hosts(site: Site, names: Collection[str], *, without: str = "") -> list[str]:
    """Those of `names` that the inventory knows and nobody has put on hold or given up."""
    known = [(name, site.fleet.facts(name)) for name in names if name != without]
    return [name for name, facts in known if facts is not None and facts.hold is None and not facts.lost]


def dialable_servers(site: Site, wish: MemberWish, *, without: str = "") -> list[str]:
    """The servers to ask: as the settings want them now; of a cluster that is gone from them, as the wish knew them."""
    cluster = site.fleet.clusters.get(wish.cluster)
    return reachable_hosts(site, cluster.consul_servers if cluster else tuple(wish.servers), without=without)


@contextmanager
def member_api(site: Site, wish: MemberWish, host: str, *, deadline: Deadline) -> Iterator[ConsulApi]:
    """The API of the agent on `host`, with the token that opens the wish's cluster to us."""
    access = wish.access if host == wish.host else site.access(host)
    ssh = site.ssh.connect(access, deadline=deadline)
    if wish.external is not None and wish.is_guest:
        with open_external(ssh, wish.external, wish.outside(site)) as api:
            yield api
        return
    with open_api(ssh, wish.keys(site)) as api:
        yield api


def find_living(site: Site, wish: MemberWish, *, without: str = "", deadline: Deadline) -> str | None:
    """A server of the cluster whose agent knows a leader; None when there is none at this moment."""
    return _ask(site, wish, without, deadline)[0]


@contextmanager
def living_api(site: Site, wish: MemberWish, *, without: str = "", deadline: Deadline) -> Iterator[ConsulApi]:
    """The API of a server that knows a leader, waited for until the deadline; of an existing Consul, its API.

    :param without: a host not to be asked.
    :raises ClusterError: none; with what each server said.
    """

    if wish.external is not None:
        with external_api(site, wish, without=without, deadline=deadline) as api:
            yield api
        return

    def probe() -> str | Pending:
        host, said = _ask(site, wish, without, deadline)
        return host if host is not None else Pending("; ".join(said) or "the cluster has no other server to ask")

    def fail(late: str, seen: str) -> ClusterError:
        return ClusterError(
            f"no server of the Consul cluster {wish.cluster} knows a leader, within {deadline}",
            seen=seen,
            next_step="bring the servers back (`systemctl status consul` there); "
            "with the majority lost, see Consul's outage recovery",
        )

    host = wait_until(f"a Consul leader of {wish.cluster}", probe, deadline=deadline, fail=fail, host=wish.host)
    with member_api(site, wish, host, deadline=deadline) as api:
        yield api


def _ask(site: Site, wish: MemberWish, without: str, deadline: Deadline) -> tuple[str | None, list[str]]:
    said: list[str] = []
    for name in dialable_servers(site, wish, without=without):
        try:
            with member_api(site, wish, name, deadline=deadline.look(_LOOK_SECONDS)) as api:
                if api.leader():
                    return name, said
                said.append(f"{name}: no leader")
        except (HostError, ClusterError) as error:
            said.append(f"{name}: {_brief(error)}")
    return None, said


def _brief(error: MetalError) -> str:
    return f"{error.what} ({error.seen})" if error.seen else error.what
