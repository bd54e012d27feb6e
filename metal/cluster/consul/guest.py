"""A host without an agent of ours, registered in a Consul that existed before: through its own agent, or as a node that
has none."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from metal.cluster.consul import paths
from metal.cluster.consul.api import ConsulApi, ConsulRefused, ConsulSilent
from metal.cluster.consul.external import external_api, open_external
from metal.cluster.consul.registration import guest_service, node_key, session_body
from metal.cluster.consul.seen import MemberSeen
from metal.cluster.consul.wish import MemberReport, MemberWish
from metal.errors import ClusterError, PlanRefused
from metal.host.ssh import Ssh
from metal.settings.endpoint import with_port
from metal.site import Site
from metal.waiting import Deadline, Pending, wait_until

__all__ = ["ensure_guest", "observe_guest", "remove_guest"]


@dataclass(frozen=True)
class _Place:
    """Where a host's service belongs.

    :ivar node: name of its node in Consul.
    :ivar agent: whether an agent of somebody else's runs on the host and keeps that node.
    """

    node: str
    agent: bool
    node_id: str = ""
    version: str = ""


def ensure_guest(site: Site, wish: MemberWish) -> MemberReport:
    """Have the host's service and its line of the node list in the existing Consul; nothing is put on the host.

    Where the host runs an agent, the service is registered with that one, and the line ends with it. Where it runs
    none, both stay until the host leaves.

    :raises PlanRefused: the agent on the host belongs to another datacenter.
    :raises ClusterError: not within the deadline `consul`.
    """
    deadline = site.run.deadline(site.fleet.deadlines.consul)
    ssh = site.ssh.connect(wish.access, deadline=site.run.deadline(site.fleet.deadlines.ssh))

    def probe() -> _Place | Pending:
        with _open(site, wish, ssh, deadline) as (api, place):
            _register(api, wish, place)
            _line_up(api, wish, place)
            seen = _see(api, wish, place)
        return place if seen.registered and seen.listed else Pending("its service or its line is not there yet")

    def fail(late: str, seen: str) -> ClusterError:
        return ClusterError(
            late,
            seen=seen,
            next_step=f"see what that Consul says of {wish.host}, and what its token may write: keys under "
            f"{paths.NODE_PREFIX} and metalswarm/, sessions, nodes, and the service {paths.SWARM_SERVICE}",
        )

    place = wait_until(
        f"{wish.host} is registered in the existing Consul",
        probe,
        deadline=deadline,
        fail=fail,
        host=wish.host,
        passing=(ConsulSilent, ConsulRefused),
    )
    return MemberReport(wish.host, wish.cluster, wish.datacenter, place.node_id, False, place.version)


def observe_guest(site: Site, wish: MemberWish) -> MemberSeen:
    """What the existing Consul says of the host.

    :raises HostError: the host cannot be reached.
    :raises ClusterError: the Consul does not answer.
    """
    deadline = site.run.deadline(site.fleet.deadlines.probe)
    ssh = site.ssh.connect(wish.access, deadline=deadline)
    with _open(site, wish, ssh, deadline) as (api, place):
        return _see(api, wish, place)


def remove_guest(site: Site, wish: MemberWish, ssh: Ssh | None) -> None:
    """Take the host's service and line out; succeeds when they are gone. What else its node has stays.

    :param ssh: None for a host that does not answer.
    """
    deadline = site.run.deadline(site.fleet.deadlines.consul)
    if ssh is not None:
        with _open(site, wish, ssh, deadline) as (api, place):
            _take_line(api, wish)
            if place.agent:
                if api.get(f"agent/service/{paths.SWARM_SERVICE}"):
                    api.put(f"agent/service/deregister/{paths.SWARM_SERVICE}")
                return
    with external_api(site, wish, without="" if ssh else wish.host, deadline=deadline) as api:
        _take_line(api, wish)
        for node in _nodes_of(api, wish):
            api.put(
                "catalog/deregister",
                {"Datacenter": wish.datacenter, "Node": node, "ServiceID": paths.SWARM_SERVICE},
            )
            if not _is_agents(api, node):
                api.put("catalog/deregister", {"Datacenter": wish.datacenter, "Node": node})


@contextmanager
def _open(site: Site, wish: MemberWish, ssh: Ssh, deadline: Deadline) -> Iterator[tuple[ConsulApi, _Place]]:
    """The API to register the host with: its own agent's where one answers, else the Consul's."""
    assert wish.external is not None
    if wish.external.is_local:
        with open_external(ssh, wish.external, wish.outside(site)) as api:
            own = _own(api, wish)
            if own is not None:
                yield api, own
                return
    with external_api(site, wish, deadline=deadline) as api:
        yield api, _Place(_free_name(api, wish), agent=False)


def _own(api: ConsulApi, wish: MemberWish) -> _Place | None:
    """The agent that answers on the host itself; None where there is none."""
    try:
        config = (api.get("agent/self") or {}).get("Config") or {}
    except ConsulSilent:
        return None
    datacenter = str(config.get("Datacenter"))
    if datacenter != wish.datacenter:
        raise PlanRefused(
            f"the Consul agent on it belongs to the datacenter {datacenter}, wanted {wish.datacenter}",
            host=wish.host,
            next_step=f"correct clusters.{wish.cluster}.consul.datacenter, or the agent",
        )
    return _Place(str(config["NodeName"]), True, str(config.get("NodeID", "")), str(config.get("Version", "")))


def _free_name(api: ConsulApi, wish: MemberWish) -> str:
    """A node name for a host without an agent that can be asked; an agent's own node would lose what we write there."""
    return f"{wish.host}-swarm" if _is_agents(api, wish.host) else wish.host


def _is_agents(api: ConsulApi, node: str) -> bool:
    return any(check["CheckID"] == "serfHealth" for check in api.get(f"health/node/{node}") or [])


def _register(api: ConsulApi, wish: MemberWish, place: _Place) -> None:
    wanted = guest_service(wish)
    if place.agent:
        seen = api.get(f"agent/service/{paths.SWARM_SERVICE}")
        if seen is None or (seen["Address"], seen["Port"]) != (wanted["Address"], wanted["Port"]):
            api.put("agent/service/register", wanted)
        return
    if _service(api, place.node) == (wanted["Address"], wanted["Port"]):
        return
    api.put(
        "catalog/register",
        {
            "Datacenter": wish.datacenter,
            "Node": place.node,
            "Address": wish.address,
            "NodeMeta": {"external-node": "true"},
            "Service": {
                "ID": wanted["ID"],
                "Service": wanted["Name"],
                "Address": wanted["Address"],
                "Port": wanted["Port"],
            },
        },
    )


def _line_up(api: ConsulApi, wish: MemberWish, place: _Place) -> None:
    """The line of the node list; on an agent's node it belongs to a session that ends with the host."""
    line = _line(api, wish)
    value = with_port(wish.address, paths.ENGINE_PORT)
    if not place.agent:
        if line is None or base64.b64decode(line["Value"] or "").decode() != value:
            api.put(f"kv/{node_key(wish)}", value.encode())
        return
    if line is not None and line.get("Session"):
        return
    session = str(api.put("session/create", session_body())["ID"])
    if not api.put(f"kv/{node_key(wish)}", value.encode(), acquire=session):
        api.put(f"session/destroy/{session}")


def _take_line(api: ConsulApi, wish: MemberWish) -> None:
    line = _line(api, wish)
    if line is None:
        return
    api.delete(f"kv/{node_key(wish)}", cas=str(line["ModifyIndex"]))
    if line.get("Session"):
        api.put(f"session/destroy/{line['Session']}")


def _line(api: ConsulApi, wish: MemberWish) -> dict[str, Any] | None:
    found = api.get(f"kv/{node_key(wish)}")
    return dict(found[0]) if found else None


def _see(api: ConsulApi, wish: MemberWish, place: _Place) -> MemberSeen:
    checks = api.get(f"health/node/{place.node}") or []
    serf = next((str(check["Status"]) for check in checks if check["CheckID"] == "serfHealth"), None)
    line = _line(api, wish)
    registered = _service(api, place.node) is not None
    listed = line is not None and bool(line.get("Session") or not place.agent)
    if not place.agent and registered:
        serf = "passing"  # nobody watches a node without an agent
    return MemberSeen(
        host=wish.host,
        active=place.agent,
        serf=serf if registered and listed else None,
        leader=api.leader(),
        registered=registered,
        listed=listed,
        version=place.version,
    )


def _service(api: ConsulApi, node: str) -> tuple[str, int] | None:
    """Address and port of the swarm's service on a node of the catalogue."""
    services = (api.get(f"catalog/node-services/{node}") or {}).get("Services") or []
    found = next((one for one in services if one["ID"] == paths.SWARM_SERVICE), None)
    return (str(found["Address"]), int(found["Port"])) if found else None


def _nodes_of(api: ConsulApi, wish: MemberWish) -> list[str]:
    """Nodes that have the swarm's service at the host's address."""
    rows = api.get(f"catalog/service/{paths.SWARM_SERVICE}") or []
    return [str(row["Node"]) for row in rows if row["ServiceAddress"] == wish.address]
