"""Servers before clients: an agent is never newer than the servers it talks to."""

from __future__ import annotations

from metal.cluster.consul.api import ConsulRefused, ConsulSilent
from metal.cluster.consul.living import dialable_servers, living_api
from metal.cluster.consul.wish import MemberWish
from metal.errors import ClusterError
from metal.plan.consul_versions import servers_behind
from metal.site import Site
from metal.waiting import Pending, wait_until

__all__ = ["await_servers"]


def await_servers(site: Site, wish: MemberWish) -> None:
    """Wait until every server runs the version that the client shall have, or a newer one.

    :raises ClusterError: not within the time that all servers may take one after the other.
    Source: Consul documentation, "Upgrade Consul": servers first, then clients.
    """
    limits = site.fleet.deadlines
    each = limits.drain + limits.consul + limits.swarm
    deadline = site.run.deadline(each * (len(dialable_servers(site, wish)) + 1))

    def probe() -> bool | Pending:
        with living_api(site, wish, without=wish.host, deadline=site.run.deadline(limits.consul)) as api:
            servers = {str(one["Name"]): str(one["Version"]) for one in api.autopilot().get("Servers") or []}
        failed = sorted(set(servers) & set(site.places.failures()))
        behind = servers_behind(wish.artifact.version, servers)
        if behind and failed:
            raise ClusterError(
                f"not begun: its Consul servers are to run {wish.artifact.version} before it does",
                host=wish.host,
                seen=f"{', '.join(behind)} older; failed in this run: {', '.join(failed)}",
                next_step=f"mend {', '.join(failed)} first, then run again",
            )
        return Pending(f"older: {', '.join(behind)}") if behind else True

    wait_until(
        f"the Consul servers run {wish.artifact.version}",
        probe,
        deadline=deadline,
        fail=lambda late, seen: ClusterError(
            late,
            seen=seen,
            next_step="see what the servers wait for, then run again",
        ),
        host=wish.host,
        passing=(ConsulSilent, ConsulRefused),
    )
