"""Consul's outage recovery: the servers that are left are told that they are all there are."""

from __future__ import annotations

import json
from collections.abc import Sequence

from metal.cluster.consul import MemberWish, member_api, paths
from metal.cluster.consul.api import ConsulRefused, ConsulSilent
from metal.cluster.consul.remove import await_gone
from metal.cluster.consul.servers import voters_of
from metal.errors import ClusterError
from metal.host.service import start, stop
from metal.settings.endpoint import with_port
from metal.site import Site
from metal.waiting import Pending, wait_until

__all__ = ["shrink_consul"]

_PEERS = f"{paths.DATA}/raft/peers.json"
_RPC_PORT = 8300


def shrink_consul(site: Site, cluster: str, servers: Sequence[str], *, gone: Sequence[str]) -> None:
    """Have `servers` go on as the whole of the cluster's raft, with all that they hold.

    All of them are down at the same time for some seconds; agents and what was registered stay.

    :param gone: hosts that are given up; Consul forgets them, so that they can come back as new.
    :raises ClusterError: they elect no leader within the deadline `consul`.
    Source: Consul, "Disaster recovery", manual recovery using peers.json (raft protocol 3).
    """
    deadline = site.run.deadline(site.fleet.deadlines.consul)
    wishes = {name: MemberWish.of(site.fleet, name) for name in servers}
    links = {name: site.ssh.connect(site.access(name), deadline=deadline) for name in servers}
    peers = [
        {"id": wish.node_id(wish.secrets(site)), "address": _address(wish.address), "non_voter": False}
        for wish in wishes.values()
    ]
    for name, ssh in links.items():
        site.run.progress(f"{name}: Consul stops, to go on with {', '.join(servers)} as its only servers")
        stop(ssh, paths.UNIT, deadline=deadline, disable=False)
    for ssh in links.values():
        ssh.write(_PEERS, json.dumps(peers), mode=0o640, owner=f"{paths.USER}:{paths.USER}")
    for ssh in links.values():
        start(ssh, paths.UNIT, deadline=deadline)
    first = wishes[servers[0]]

    def healthy() -> bool | Pending:
        with member_api(site, first, first.host, deadline=deadline) as api:
            if not api.leader():
                return Pending("no leader yet")
            voters = voters_of(api.autopilot())
        missing = sorted(set(servers) - voters.healthy)
        return Pending(f"not yet healthy: {', '.join(missing)}") if missing else True

    wait_until(
        "the servers that are left elect a leader",
        healthy,
        deadline=deadline,
        fail=lambda late, seen: ClusterError(
            late,
            seen=seen,
            next_step=f"look at `journalctl -u {paths.UNIT}` on {', '.join(servers)}, then run again",
        ),
        host=first.host,
        passing=(ConsulSilent, ConsulRefused),
    )
    with member_api(site, first, first.host, deadline=deadline) as api:
        for name in gone:
            limit = site.run.deadline(site.fleet.deadlines.consul)
            await_gone(MemberWish.of(site.fleet, name), api, dead=True, deadline=limit)


def _address(address: str) -> str:
    return with_port(address, _RPC_PORT)
