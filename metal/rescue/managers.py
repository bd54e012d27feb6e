"""The swarm goes on with one of its managers: the others, dead or alive, are put out of its raft."""

from __future__ import annotations

from collections.abc import Sequence

from metal.cluster.consul.reached import ReachedRecord
from metal.cluster.docker.api import DockerApi, EngineSilent, EngineUnready
from metal.cluster.swarm import NodeWish, ensure_node
from metal.cluster.swarm.entry import control_listen, leave
from metal.cluster.swarm.listed import prune
from metal.cluster.swarm.view import View, observe_local, observe_view
from metal.errors import ClusterError
from metal.plan.join import LocalState, Role
from metal.site import Site
from metal.waiting import Deadline, Pending, wait_until

__all__ = ["force_new", "node_wish", "rejoin", "shrink_swarm"]


def shrink_swarm(site: Site, cluster: str, founder: str, *, gone: Sequence[str]) -> str:
    """Make `founder` the swarm's only manager, with everything that its raft holds; the swarm's id, which stays.

    Services run on, workers find the founder by themselves.

    :param gone: hosts that are given up; the swarm forgets them.
    :raises ClusterError: it does not lead within the deadline `swarm`.
    """
    limits = site.fleet.deadlines
    ssh = site.ssh.connect(site.access(founder), deadline=site.run.deadline(limits.ssh))
    with DockerApi(ssh) as api:
        view = force_new(site, api, node_wish(site, cluster, founder), deadline=site.run.deadline(limits.swarm))
        for node in view.nodes:
            lost = next((name for name in gone if node.is_of(name)), None)
            if lost is not None:
                # A new leader calls a node down after half a minute, until then unknown.
                prune(api, node.id, deadline=site.run.deadline(limits.swarm), host=lost)
        return view.swarm


def force_new(site: Site, api: DockerApi, wish: NodeWish, *, deadline: Deadline) -> View:
    """Give the swarm that this engine is in a new raft, with this manager alone; it keeps the address that it had.

    :raises ClusterError: it does not lead in time, or leads under another address.
    """
    site.run.progress(f"{wish.host}: goes on as the only manager of its swarm")
    # Without an address the engine would ask the routing table for one (docker/for-linux#523).
    api.swarm_force_new(
        {
            "ListenAddr": control_listen(wish),
            "AdvertiseAddr": wish.advertise,
            "DataPathAddr": wish.advertise,
            "DataPathPort": wish.swarm.data_path_port,
        }
    )

    def leads() -> View | Pending:
        view = observe_view(api)
        own = [node for node in view.nodes if node.leader and node.is_of(wish.host)]
        if not own:
            return Pending("it does not lead yet")
        if view.managers != (own[0].id,):
            return Pending(f"{len(view.managers)} managers take part in raft")
        if own[0].raft.rpartition(":")[0].strip("[]") != wish.access.address and not wish.swarm.interface:
            return Pending(f"it advertises {own[0].raft}")
        return view if own[0].ready else Pending(f"the swarm calls it {own[0].state}")

    return wait_until(
        "leads the swarm as its only manager",
        leads,
        deadline=deadline,
        fail=lambda late, seen: ClusterError(
            late,
            seen=seen,
            next_step="look at `journalctl -u docker` there, then run again",
        ),
        host=wish.host,
        passing=(EngineSilent, EngineUnready),
    )


def rejoin(site: Site, cluster: str, host: str, *, founder: str) -> None:
    """Have a living manager, whose own raft is given up, join the founder's swarm again under a new node id."""
    limits = site.fleet.deadlines
    ssh = site.ssh.connect(site.access(host), deadline=site.run.deadline(limits.ssh))
    with DockerApi(ssh) as api:
        local = observe_local(ssh, api)
        if local.state is not LocalState.INACTIVE:
            site.run.progress(f"{host}: leaves, to join the swarm of {founder}")
            leave(ssh, api, deadline=site.run.deadline(limits.engine))
    if local.node is not None:
        manager = site.ssh.connect(site.access(founder), deadline=site.run.deadline(limits.ssh))
        with DockerApi(manager) as asked:
            prune(asked, local.node, left=True, deadline=site.run.deadline(limits.evict), host=host)
    wish = node_wish(site, cluster, host)
    record = ReachedRecord(
        site,
        cluster,
        host=host,
        access=wish.access,
        identity=site.fleet.clusters[cluster].identity,
        patience=limits.consul,
    )
    ensure_node(site, wish, record)


def node_wish(site: Site, cluster: str, host: str) -> NodeWish:
    wanted = site.fleet.hosts[host]
    return NodeWish(
        host=host,
        access=site.access(host),
        cluster=cluster,
        role=Role.MANAGER,
        swarm=site.fleet.clusters[cluster].swarm,
        labels=dict(wanted.labels),
    )
