"""Engines, Consul, one swarm and a ring in the world's file; how to join and to leave, the real plans decide."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from metal.cluster.swarm.wish import NodeReport, NodeWish
from metal.errors import ClusterError
from metal.plan.join import (
    Adopt,
    BirthRecord,
    Initialise,
    Join,
    JoinSight,
    LeaveThenJoin,
    LocalState,
    Role,
    decide_join,
)
from metal.plan.leave import LeaveAct, LeaveSight, ListedNode, plan_leave
from metal.plan.verdict import Keep, Wait
from tests.engine.fakemetal.chassis import system
from tests.engine.fakemetal.world import change, look, step

__all__ = [
    "ensure_engine",
    "ensure_left",
    "ensure_manager_node",
    "ensure_member",
    "ensure_node",
    "remove_engine",
    "remove_manager_node",
    "remove_member",
]

_SWARM = "swarm1"
_LATER = "2100-01-01T00:00:00+00:00"


def ensure_engine(site: Any, wish: Any, *, disrupt: object) -> SimpleNamespace:
    system(wish.host)
    with change(wish.host) as (_, host):
        host["disk"]["engine"] = True
    step(wish.host, "engine runs")
    return SimpleNamespace(version="20.10", endpoint=f"tcp://{wish.host}:2376", certificate="c", not_after=_LATER)


def remove_engine(site: Any, wish: Any, *, leave: Callable[[], None]) -> None:
    if system(wish.host)["node"]:
        leave()
    with change(wish.host) as (_, host):
        host["disk"]["engine"] = False
    step(wish.host, "engine is stopped")


def ensure_member(site: Any, wish: Any, *, disrupt: object) -> SimpleNamespace:
    if not system(wish.host)["marker"]:
        raise ClusterError("Consul on a host that nobody claimed", host=wish.host)
    with change(wish.host) as (world, _):
        world["consul"] = sorted({*world["consul"], wish.host})
    step(wish.host, "is in Consul")
    return SimpleNamespace(node_id=f"consul-{wish.host}", not_after=_LATER, unfinished="")


def remove_member(site: Any, wish: Any, *, dissolving: bool, leave: Callable[[], None]) -> None:
    leave()
    with change(wish.host) as (world, _):
        world["consul"] = [name for name in world["consul"] if name != wish.host]
    step(wish.host, "is out of Consul")


def ensure_manager_node(site: Any, wish: Any) -> None:
    if not system(wish.host)["node"]:
        raise ClusterError("registered before it is in the swarm", host=wish.host)
    with change(wish.host) as (world, _):
        world["ring"] = sorted({*world["ring"], wish.host})
    step(wish.host, "is in the ring")


def remove_manager_node(site: Any, wish: Any, *, dissolving: bool) -> None:
    with change(wish.host) as (world, _):
        world["ring"] = [name for name in world["ring"] if name != wish.host]
    step(wish.host, "is out of the ring")


def ensure_node(site: Any, wish: NodeWish, record: object) -> NodeReport:
    for _ in range(20):
        if not system(wish.host)["engine"]:
            raise ClusterError("no engine runs", host=wish.host)
        move = decide_join(_sight(site, wish))
        if isinstance(move, Keep):
            node = system(wish.host)["node"]
            return NodeReport(_SWARM, node, wish.role, "10.0.0.1", "")
        if isinstance(move, Join | LeaveThenJoin):
            _forget(wish.host, move.prune)
            _enter(wish)
        elif isinstance(move, Initialise):
            with change(wish.host) as (world, _):
                world["record"] = {"founder": wish.host, "swarm": None}
            step(wish.host, "birth is claimed")
            with change(wish.host) as (world, _):
                world["births"] += 1
            _enter(wish)
        elif isinstance(move, Adopt):
            with change(wish.host) as (world, _):
                world["record"] = {"founder": wish.host, "swarm": move.swarm}
            step(wish.host, "birth is recorded")
        else:
            raise ClusterError(f"{type(move).__name__}: {move.reason}", host=wish.host)
    raise ClusterError("comes to no end", host=wish.host)


def ensure_left(
    site: Any, wish: NodeWish, record: object, *, dissolving: bool, dead: bool, give_up: bool, others: bool
) -> None:
    for _ in range(20):
        world = look()
        local = system(wish.host)["node"]
        managers, reachable = _managers(world)
        listed = [(key, node) for key, node in world["nodes"].items() if node["host"] == wish.host]
        planned = plan_leave(
            LeaveSight(
                dead=dead,
                dissolving=dissolving,
                state=LocalState.ACTIVE if local else LocalState.INACTIVE,
                node_id=local,
                in_cluster=bool(local),
                listed=tuple(
                    ListedNode(key, Role(node["role"]), down=not _is_up(world, key), drained=node["drained"])
                    for key, node in listed
                ),
                managers=managers,
                reachable=reachable,
                emptied=any(node["drained"] for key, node in listed if key == local),
                give_up=give_up,
            )
        )
        if isinstance(planned, Wait):
            raise ClusterError(planned.reason, host=wish.host)
        if not planned:
            return
        _leave_by(wish.host, planned[0].act, planned[0].node)


def _leave_by(name: str, act: LeaveAct, node: str | None) -> None:
    with change(name) as (world, host):
        if act is LeaveAct.LEAVE:
            host["disk"]["node"] = None
        elif act is LeaveAct.REMOVE:
            del world["nodes"][node]
        elif act is LeaveAct.DRAIN:
            world["nodes"][node]["drained"] = True
        elif act is LeaveAct.AWAIT_EMPTY:
            world["nodes"][node]["drained"] = True
            host["disk"]["node"] = None  # the steps after a wait follow it in one plan, as in the real one
        elif act is not LeaveAct.AWAIT_DOWN:
            raise AssertionError(act)
    step(name, f"swarm: {act.value}")


def _enter(wish: NodeWish) -> None:
    with change(wish.host) as (world, host):
        host["joins"] += 1
        node = f"{wish.host}-{host['installs']}-{host['joins']}"
        world["nodes"][node] = {"host": wish.host, "role": wish.role.value, "drained": False}
        host["disk"]["node"] = node
    step(wish.host, "is in the swarm")


def _forget(host: str, nodes: tuple[str, ...]) -> None:
    for node in nodes:
        with change(host) as (world, _):
            del world["nodes"][node]
        step(host, "former node is removed")


def _sight(site: Any, wish: NodeWish) -> JoinSight:
    world, local = look(), system(wish.host)["node"]
    managers, reachable = _managers(world)
    record = world["record"]
    return JoinSight(
        host=wish.host,
        wanted=wish.role,
        wanted_managers=site.fleet.clusters[wish.cluster].managers,
        state=LocalState.ACTIVE if local else LocalState.INACTIVE,
        cluster_id=_SWARM if local else None,
        node_id=local,
        role=Role(world["nodes"][local]["role"]) if local in world["nodes"] else None,
        record=BirthRecord(record["founder"], record["swarm"]) if record else None,
        managers=managers,
        reachable=reachable,
        listed=local in world["nodes"] if local else None,
        stale=tuple(key for key, node in world["nodes"].items() if node["host"] == wish.host and key != local),
    )


def _managers(world: dict[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    managers = tuple(key for key, node in world["nodes"].items() if node["role"] == "manager")
    return managers, tuple(key for key in managers if _is_up(world, key))


def _is_up(world: dict[str, Any], node: str) -> bool:
    host = world["hosts"][world["nodes"][node]["host"]]
    return host["power"] == "on" and bool(host["disk"]) and host["disk"]["node"] == node
