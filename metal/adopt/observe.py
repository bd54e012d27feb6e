"""Looks at a running swarm from one of its managers, and at each of its hosts; changes nothing."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from metal.adopt.host import see_host
from metal.adopt.sight import HostSight, NodeSight, Sight, SwarmSight
from metal.cluster.docker.api import DockerApi
from metal.cluster.swarm.view import Node, observe_local, observe_view
from metal.errors import Cancelled, HostError, HostFault, MetalError
from metal.plan.join import LocalState, Role
from metal.settings.access import Access
from metal.site import Site
from metal.waiting import LOOK_SECONDS

__all__ = ["observe_swarm"]

_AT_ONCE = 32


def observe_swarm(site: Site, door: Access) -> Sight:
    """See the swarm that the manager at `door` belongs to, and every host of it that the same login opens.

    :param door: how the manager is reached; its user, port, key and jump host are used for the others as well.
    :raises HostError: it cannot be reached.
    :raises MetalError: it is no manager of a swarm that has a leader.
    """
    ssh = site.ssh.connect(door, deadline=site.run.deadline(LOOK_SECONDS))
    with DockerApi(ssh) as api:
        local = observe_local(ssh, api)
        if local.state is not LocalState.ACTIVE or local.role is not Role.MANAGER:
            raise MetalError(
                "is no manager of a swarm",
                host=door.host,
                seen=" ".join(filter(None, (f"its engine is {local.state}", local.role, local.error))),
                next_step="name a manager of the swarm that is to be taken over (`docker node ls` works there)",
            )
        said = api.swarm()
        view = observe_view(api)
    swarm = SwarmSight(
        id=view.swarm,
        pools=tuple(str(one) for one in said.get("DefaultAddrPool") or ()),
        subnet_size=int(said.get("SubnetSize") or 24),
        data_path_port=int(said.get("DataPathPort") or 4789),
    )
    ordered = sorted(view.nodes, key=lambda node: (node.role is not Role.MANAGER, node.name))
    with ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="adopt") as pool:
        looks = [pool.submit(_look, site, door, node, own=node.id == local.node) for node in ordered]
        return Sight(swarm, tuple(look.result() for look in looks))


def _look(site: Site, door: Access, node: Node, *, own: bool) -> HostSight:
    line = NodeSight(
        id=node.id,
        name=node.name.partition(".")[0],
        address=_address(node),
        manager=node.role is Role.MANAGER,
        state=node.state,
        availability=node.availability,
        labels=dict(node.labels),
    )
    ways = [line.address, *([door.address] if own and _is_address(door.address) else [])]
    said = []
    for address in dict.fromkeys(filter(None, ways)):
        access = replace(door, host=f"{line.name} ({line.id[:8]})", address=address, host_key=None)
        seen = _try(lambda access=access: _seen(site, access, line))  # type: ignore[misc]
        if isinstance(seen, HostSight):
            return seen
        said.append(f"{address}: {seen}")
    return HostSight(line, unreached="; ".join(said) or "the managers know no address of it")


def _seen(site: Site, access: Access, line: NodeSight) -> HostSight:
    ssh = site.ssh.connect(access, deadline=site.run.deadline(LOOK_SECONDS))
    with DockerApi(ssh, timeout=LOOK_SECONDS) as api:
        local = observe_local(ssh, api)
    if local.node != line.id:
        raise HostError(
            f"another machine answers there: its node id is {local.node or 'none'}",
            fault=HostFault.NOT_OURS,
            host=line.name,
        )
    return see_host(ssh, line)


def _try(look: Callable[[], HostSight]) -> HostSight | str:
    try:
        return look()
    except Cancelled:
        raise
    except MetalError as error:
        return error.what + (f" ({error.seen})" if error.seen else "")


def _address(node: Node) -> str:
    """A manager's address in Raft; another's as the managers saw it. A leader may call itself 0.0.0.0."""
    for text in (node.raft.rpartition(":")[0].strip("[]"), node.address):
        if _is_address(text):
            return text
    return ""


def _is_address(text: str) -> bool:
    try:
        return not ipaddress.ip_address(text).is_unspecified
    except ValueError:
        return False
