"""The ways into a swarm and out of it: birth, join, leave."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from metal.cluster.docker.api import DockerApi, EngineRefused, EngineSilent
from metal.cluster.swarm.ports import closed_ports
from metal.cluster.swarm.view import Local, View, observe_local
from metal.cluster.swarm.wish import NodeWish
from metal.errors import ClusterError
from metal.host.ssh import Ssh
from metal.plan.join import LocalState, Role
from metal.settings.endpoint import every_address
from metal.waiting import Deadline, Pending, wait_until

__all__ = ["await_local", "control_listen", "initialise", "join", "join_addresses", "leave"]

_CONTROL_PORT = 2377


def control_listen(wish: NodeWish) -> str:
    """Where the engine takes the swarm's control connections; that port speaks mutual TLS only."""
    return f"{every_address(wish.access.address)}:{_CONTROL_PORT}"


def initialise(api: DockerApi, wish: NodeWish) -> None:
    """Give birth to a swarm on this engine, with the settings that exist at its birth only."""
    api.swarm_init(
        {
            "ListenAddr": control_listen(wish),
            "AdvertiseAddr": wish.advertise,
            "DataPathAddr": wish.advertise,
            "DataPathPort": wish.swarm.data_path_port,
            "DefaultAddrPool": [wish.swarm.address_pool],
            "SubnetSize": wish.swarm.subnet_size,
            "Availability": "active",
            "Spec": {},
        }
    )


def join(api: DockerApi, wish: NodeWish, manager: DockerApi, view: View, *, lasting: Sequence[str] = ()) -> None:
    """Ask to join, drained, with a token read from a living manager at this moment.

    :param manager: of the swarm to join; `view` is what it just said.
    :param lasting: hosts that stay managers, best first.
    """
    tokens = manager.swarm()["JoinTokens"]
    try:
        api.swarm_join(
            {
                "ListenAddr": control_listen(wish),
                "AdvertiseAddr": wish.advertise,
                "DataPathAddr": wish.advertise,
                "RemoteAddrs": join_addresses(view, lasting),
                "JoinToken": tokens["Manager" if wish.role is Role.MANAGER else "Worker"],
                # Work comes when the labels that decide about it are there.
                "Availability": "drain",
            }
        )
    except EngineRefused as error:
        # The engine goes on trying after it has answered that its time is over.
        if "timeout was reached" not in (error.seen or "").lower():
            raise


def join_addresses(view: View, lasting: Sequence[str]) -> list[str]:
    """Return the reachable managers' addresses, those of `lasting` hosts first and in that order.

    An engine uses the first one only, and goes there again whenever it becomes a manager, until it is restarted.
    Source: moby, daemon/cluster/swarm.go; swarmkit, node/node.go.
    """
    place = {node.id: at for at, name in enumerate(lasting) for node in view.lives_of(name)}
    reachable = [node for node in view.nodes if node.reachable]
    return [node.raft for node in sorted(reachable, key=lambda node: place.get(node.id, len(lasting)))]


def leave(ssh: Ssh, api: DockerApi, *, deadline: Deadline) -> None:
    """Leave by force, and have the engine's own word that it is out."""
    api.swarm_leave(force=True)
    gone = LocalState.INACTIVE
    await_local(ssh, api, "has left", lambda local: gone if local.state is gone else None, deadline=deadline)


def await_local(
    ssh: Ssh,
    api: DockerApi,
    what: str,
    answer: Callable[[Local], str | None],
    *,
    deadline: Deadline,
    managers: Sequence[str] = (),
) -> str:
    """Wait until the engine's own word gives an answer, and return that.

    :param managers: control addresses that it must reach for this; an error says which of their ports are closed.
    """

    def probe() -> str | Pending:
        local = observe_local(ssh, api)
        return answer(local) or Pending(" ".join(filter(None, (local.state, local.role, local.error))))

    def fail(late: str, seen: str) -> ClusterError:
        closed = closed_ports(ssh, managers)
        return ClusterError(
            late,
            tried=[f"connect from here: {port}" for port in closed],
            seen=seen,
            next_step="look at `docker info` and `journalctl -u docker` on the host; "
            "ports 2377/tcp, 7946/tcp+udp and 4789/udp must be open between the hosts",
        )

    return wait_until(
        what,
        probe,
        deadline=deadline,
        fail=fail,
        host=ssh.access.host,
        passing=(EngineSilent,),
    )
