"""The barrier: every wanted server votes, is healthy, and one leads."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from metal.cluster.consul.api import ConsulRefused, ConsulSilent
from metal.cluster.consul.living import dialable_servers, living_api
from metal.cluster.consul.servers import keep_quorum, voters_of
from metal.cluster.consul.wish import MemberWish
from metal.errors import ClusterError, PlanRefused
from metal.site import Site
from metal.waiting import Pending, wait_until

__all__ = ["FormedReport", "wait_formed"]


@dataclass(frozen=True)
class FormedReport:
    """:ivar voters: host names, sorted."""

    cluster: str
    voters: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def wait_formed(site: Site, cluster: str) -> FormedReport:
    """Wait until the wanted servers of a cluster, and no others, are healthy voters under one leader.

    Servers on hold count as down: nobody waits for them, and they may vote. An existing Consul needs a leader only, and
    must be the datacenter that the settings name.

    :raises ClusterError: not within the deadline `consul`.
    """
    servers = site.fleet.clusters[cluster].consul_servers
    wish = MemberWish.asking(site.fleet, cluster)
    if wish.external is not None:
        return _existing(site, wish)
    wanted, declared = frozenset(dialable_servers(site, wish)), frozenset(servers)
    deadline = site.run.deadline(site.fleet.deadlines.consul)

    def probe() -> FormedReport | Pending:
        with living_api(site, wish, deadline=deadline) as api:
            voters = voters_of(api.autopilot())
            missing, foreign = sorted(wanted - voters.healthy), sorted(voters.all - declared)
            if missing:
                return Pending(f"no healthy voters yet: {', '.join(missing)}")
            if foreign:
                return Pending(f"still voting, though not wanted: {', '.join(foreign)}")
            keep_quorum(api, len(servers))
        return FormedReport(cluster, tuple(sorted(voters.all)))

    def fail(late: str, seen: str) -> ClusterError:
        return ClusterError(
            late,
            tried=[f"autopilot health of {', '.join(sorted(wanted))}"],
            seen=seen,
            next_step="look at the errors of its servers, and at `journalctl -u consul` there; then run again",
        )

    return wait_until(
        f"the Consul cluster {cluster} is formed",
        probe,
        deadline=deadline,
        fail=fail,
        passing=(ConsulSilent, ConsulRefused),
    )


def _existing(site: Site, wish: MemberWish) -> FormedReport:
    assert wish.external is not None
    with living_api(site, wish, deadline=site.run.deadline(site.fleet.deadlines.consul)) as api:
        known = api.get("catalog/datacenters") or []
    if wish.datacenter not in known:
        raise PlanRefused(
            f"the Consul at {wish.external.api} does not know the datacenter {wish.datacenter}",
            seen=f"datacenters: {', '.join(known) or 'none'}",
            next_step=f"correct clusters.{wish.cluster}.consul.datacenter",
        )
    return FormedReport(wish.cluster, ())
