"""How a host is taken out of the swarm: the ordered steps, from what it and the cluster say now."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from metal.plan.join import LocalState, Role
from metal.plan.majority import may_remove
from metal.plan.verdict import Wait

__all__ = ["LeaveAct", "LeaveSight", "LeaveStep", "ListedNode", "plan_leave"]


@dataclass(frozen=True)
class ListedNode:
    """One line of the recorded swarm's node list under this host's name.

    :ivar role: manager when it takes part in Raft.
    :ivar down: the swarm itself calls it down.
    :ivar drained: its availability is `drain`.
    """

    id: str
    role: Role
    down: bool
    drained: bool


@dataclass(frozen=True)
class LeaveSight:
    """What is known at this moment.

    :ivar dead: this run's verdict that the host will not answer; the living side evicts it.
    :ivar give_up: where it is the last manager, the swarm ends with it.
    :ivar dissolving: the whole cluster goes away, so nobody drains or hands over.
    :ivar state: None for a dead host.
    :ivar node_id: this engine's id in its swarm.
    :ivar in_cluster: the engine is in the recorded swarm, not in another one.
    :ivar listed: every line under this host's name.
    :ivar managers: ids of all managers in the recorded swarm; empty when none answers.
    :ivar reachable: those of them that are reachable.
    :ivar emptied: this run has waited for the tasks of the living node: they run elsewhere, or it leaves without that.
    :ivar failed: this run has waited until gossip, too, called the dead host down.
    :ivar proven: a dead host is known to be dead, by its BMC or by the user's word, and not only silent towards us.
    """

    dead: bool
    dissolving: bool
    state: LocalState | None
    node_id: str | None
    in_cluster: bool
    listed: tuple[ListedNode, ...]
    managers: tuple[str, ...]
    reachable: tuple[str, ...]
    emptied: bool = False
    failed: bool = False
    proven: bool = True
    give_up: bool = False


class LeaveAct(StrEnum):
    DEMOTE = "demote"
    AWAIT_WORKER = "wait until worker"
    DRAIN = "drain"
    AWAIT_EMPTY = "wait until empty"
    LEAVE = "leave"  # by force: a worker by now, or the cluster goes away; confirmed by the engine
    AWAIT_DOWN = "wait until down"
    AWAIT_FAILED = "wait until Consul calls it down"
    REMOVE = "remove"  # by force; the id names the node


@dataclass(frozen=True)
class LeaveStep:
    """One act; each can be repeated.

    :ivar node: id in the swarm's node list; None for an act on the host's own engine.
    """

    act: LeaveAct
    node: str | None


def plan_leave(sight: LeaveSight) -> tuple[LeaveStep, ...] | Wait:
    """The steps still to do, in order; empty when the host has left.

    After any of them, or after a crash, planning again gives the rest. A manager is drained and demoted only while the
    others keep a majority; until then the answer is :class:`Wait` (add before remove).
    """
    if sight.dissolving or (sight.give_up and sight.managers == (sight.node_id,)):
        return _dissolve(sight)
    if sight.listed and not sight.reachable:
        return Wait("no manager can be reached to remove it")
    steps: list[LeaveStep] = []
    alive, up = list(sight.managers), list(sight.reachable)
    # Former lives first: a dead voter among them narrows the majority that the living one's demotion needs.
    for node in sorted(sight.listed, key=lambda node: (node.id == sight.node_id, node.id)):
        living = node.id == sight.node_id and _is_in(sight)
        if node.role is Role.MANAGER:
            if not may_remove(alive, up, (node.id,)):
                return Wait(_narrow(node.id, alive, up))
            alive = [manager for manager in alive if manager != node.id]
            up = [manager for manager in up if manager != node.id]
        steps += _part(node, sight) if living else _evict(node, sight)
        steps.append(LeaveStep(LeaveAct.REMOVE, node.id))
    if _is_in(sight) and not any(step.act is LeaveAct.LEAVE for step in steps):
        steps.append(LeaveStep(LeaveAct.LEAVE, None))
    return tuple(steps)


def _dissolve(sight: LeaveSight) -> tuple[LeaveStep, ...]:
    return (LeaveStep(LeaveAct.LEAVE, None),) if _is_in(sight) else ()


def _is_in(sight: LeaveSight) -> bool:
    """The host answers, and its engine is in the recorded swarm."""
    return not sight.dead and sight.in_cluster and sight.state not in (None, LocalState.INACTIVE)


def _part(node: ListedNode, sight: LeaveSight) -> list[LeaveStep]:
    """The living node: its work first, its vote then, so that a removal that gets stuck has cost no manager."""
    steps = []
    # Of a node that is down or broken the tasks stay listed for a day and cannot be drained away.
    if not (node.down or sight.state is LocalState.ERROR or sight.emptied):
        steps = [] if node.drained else [LeaveStep(LeaveAct.DRAIN, node.id)]
        steps.append(LeaveStep(LeaveAct.AWAIT_EMPTY, node.id))
    if node.role is Role.MANAGER:
        steps += [LeaveStep(LeaveAct.DEMOTE, node.id), LeaveStep(LeaveAct.AWAIT_WORKER, node.id)]
    return [*steps, LeaveStep(LeaveAct.LEAVE, None)]


def _evict(node: ListedNode, sight: LeaveSight) -> list[LeaveStep]:
    """A node that nobody answers for. Without proof of its death a manager keeps its vote until all call it down."""
    down = [] if node.down else [LeaveStep(LeaveAct.AWAIT_DOWN, node.id)]
    if node.role is not Role.MANAGER:
        return down
    vote = LeaveStep(LeaveAct.DEMOTE, node.id)
    if sight.proven or not sight.dead:
        return [vote, *down]
    return [*down, *([] if sight.failed else [LeaveStep(LeaveAct.AWAIT_FAILED, node.id)]), vote]


def _narrow(node: str, managers: list[str], reachable: list[str]) -> str:
    if set(managers) <= {node}:
        return "it is the last manager; another one must join first"
    return f"its demotion would cost the quorum ({len(reachable)} of {len(managers)} managers reachable)"
