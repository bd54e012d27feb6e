"""How a host comes to its wanted place in the swarm: one move from what it and the cluster say now."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from metal.plan.majority import may_remove
from metal.plan.verdict import Keep, Refuse, Wait

__all__ = [
    "ERROR_LASTS",
    "Adopt",
    "BirthRecord",
    "Demote",
    "Initialise",
    "Join",
    "JoinMove",
    "JoinSight",
    "LeaveThenJoin",
    "LocalState",
    "Promote",
    "Role",
    "decide_join",
]


# Seconds of error after which an engine will not recover. Until then it starts its swarm part anew by itself, first
# after 0.2 s, then twice as long each time (moby, daemon/cluster/noderunner.go).
ERROR_LASTS = 10.0


class LocalState(StrEnum):
    """`Swarm.LocalNodeState` of the engine's info."""

    INACTIVE = "inactive"
    PENDING = "pending"
    ACTIVE = "active"
    ERROR = "error"
    LOCKED = "locked"


class Role(StrEnum):
    MANAGER = "manager"
    WORKER = "worker"


@dataclass(frozen=True)
class BirthRecord:
    """The cluster's line in Consul, written by check-and-set.

    :ivar founder: host that may initialise the swarm.
    :ivar swarm: the swarm's cluster id; None while the founder is at it.
    """

    founder: str
    swarm: str | None = None


@dataclass(frozen=True)
class JoinSight:
    """What is known at this moment.

    :ivar wanted_managers: managers of the cluster as the settings want them.
    :ivar cluster_id: the swarm that the engine belongs to; workers have it in their node certificate's organisation.
        None where it is not known.
    :ivar node_id: this engine's id in its swarm.
    :ivar role: this engine's role in its swarm, None where it has none or does not know.
    :ivar record: None where no birth was ever recorded.
    :ivar managers: ids of all voters in the recorded swarm, this host's included; empty when no manager answers.
    :ivar reachable: those of them that are reachable.
    :ivar listed: whether the recorded swarm lists `node_id`; None when no manager answers.
    :ivar stale: ids that the recorded swarm lists under this host's name, apart from `node_id`.
    :ivar former: id of a swarm that is given up.
    :ivar error_seconds: how long the engine has been seen in error.
    """

    host: str
    wanted: Role
    wanted_managers: tuple[str, ...]
    state: LocalState
    cluster_id: str | None = None
    node_id: str | None = None
    role: Role | None = None
    record: BirthRecord | None = None
    managers: tuple[str, ...] = ()
    reachable: tuple[str, ...] = ()
    listed: bool | None = None
    stale: tuple[str, ...] = ()
    error_seconds: float = 0.0
    former: str | None = None

    @property
    def others(self) -> tuple[str, ...]:
        """Reachable managers apart from this host."""
        return tuple(manager for manager in self.reachable if manager != self.node_id)


@dataclass(frozen=True)
class Initialise:
    """Take the birth record by check-and-set against `replacing`, initialise, then write the id into it.

    :ivar replacing: the record as it was seen; losing the check-and-set means to observe again.
    """

    reason: str
    replacing: BirthRecord | None


@dataclass(frozen=True)
class Adopt:
    """Write the id of the swarm that runs here into the birth record, by check-and-set against `replacing`."""

    reason: str
    swarm: str
    replacing: BirthRecord | None


@dataclass(frozen=True)
class Join:
    """Remove the stale ids, then join with a token read fresh.

    :ivar prune: ids of this host's former lives, removed first.
    """

    reason: str
    role: Role
    prune: tuple[str, ...] = ()


@dataclass(frozen=True)
class LeaveThenJoin:
    """Leave by force, remove the stale ids, and join as new."""

    reason: str
    role: Role
    prune: tuple[str, ...] = ()


@dataclass(frozen=True)
class Promote:
    reason: str


@dataclass(frozen=True)
class Demote:
    reason: str


JoinMove = Keep | Initialise | Adopt | Join | LeaveThenJoin | Promote | Demote | Wait | Refuse


def decide_join(sight: JoinSight) -> JoinMove:
    """Decide the one move that brings this host nearer to its place; :class:`Keep` when it is there.

    Who initialises is decided by the birth record, never by a position in a list, and a swarm whose id is recorded
    is never born again.
    """
    if sight.state is LocalState.PENDING:
        return _outlasted(sight) or Wait("its engine is still joining (pending)")
    if sight.state is LocalState.LOCKED:
        return Refuse("its swarm state is locked", "unlock it there: docker swarm unlock")
    if sight.state is LocalState.INACTIVE:
        return _enter(sight)
    if sight.record is None or sight.record.swarm is None:
        return _record(sight)
    if sight.cluster_id is not None and sight.cluster_id != sight.record.swarm:
        if sight.cluster_id == sight.former:
            if not sight.reachable:
                return Wait(f"no manager of the swarm {sight.record.swarm} can be reached")
            return LeaveThenJoin("its swarm was given up with its only manager", sight.wanted, sight.stale)
        return Refuse(
            f"is in another swarm ({sight.cluster_id}, wanted {sight.record.swarm})",
            "if that one is given up, run there: docker swarm leave --force; then run the same command again",
        )
    if sight.state is LocalState.ERROR:
        return _mend(sight)
    return _place(sight, sight.record.swarm)


def _enter(sight: JoinSight) -> JoinMove:
    """The engine is in no swarm."""
    record = sight.record
    if record is not None and record.swarm is not None:
        if not sight.reachable:
            return Wait(f"no manager of the swarm {record.swarm} can be reached")
        return Join(f"joins the swarm {record.swarm} as {sight.wanted}", sight.wanted, sight.stale)
    if sight.wanted is not Role.MANAGER:
        return Wait("the swarm is not born yet")
    if record is None:
        return Initialise("no swarm is recorded", None)
    if record.founder == sight.host:
        return Initialise("resumes the birth it had begun", record)
    if record.founder not in sight.wanted_managers:
        return Initialise(f"takes over the birth that {record.founder}, no longer a manager, had begun", record)
    return Wait(f"{record.founder} is giving birth to the swarm")


def _record(sight: JoinSight) -> JoinMove:
    """The engine is in a swarm, and no swarm's id is recorded."""
    record = sight.record
    if record is not None and record.founder != sight.host and record.founder in sight.wanted_managers:
        return Wait(f"{record.founder} is giving birth to the swarm")
    if sight.state is LocalState.ERROR:
        return Refuse(
            "its engine is in a swarm that is not recorded, and in error",
            "look at `docker info` there; to give that swarm up: docker swarm leave --force",
        )
    if sight.wanted is not Role.MANAGER or sight.role is not Role.MANAGER or sight.cluster_id is None:
        return Wait("no manager has recorded its swarm yet")
    return Adopt("runs a swarm that is not recorded yet", sight.cluster_id, record)


def _mend(sight: JoinSight) -> JoinMove:
    """The engine is in the recorded swarm, and in error."""
    if sight.error_seconds < ERROR_LASTS:
        return Wait("its engine is in error, and tries again by itself")
    if not sight.others:
        return Wait("its engine is in error, and no other manager can be reached")
    own = (sight.node_id,) if sight.node_id else ()
    if sight.node_id in sight.managers and not may_remove(sight.managers, sight.others, own):
        return Wait("its engine is in error, and the other managers have no majority without it")
    return LeaveThenJoin("its engine is in error", sight.wanted, own + sight.stale)


def _outlasted(sight: JoinSight) -> JoinMove | None:
    """A manager that was evicted while it was off starts with its old raft, and asks for ever for votes it cannot get.

    A node is listed before it gets its certificate, so one that is still joining is never taken for a removed one.
    """
    recorded = sight.record.swarm if sight.record else None
    if sight.node_id is None or recorded is None or sight.cluster_id != recorded or sight.listed is not False:
        return None
    return LeaveThenJoin("the swarm took it out while it was away", sight.wanted, sight.stale)


def _place(sight: JoinSight, swarm: str) -> JoinMove:
    """The engine is active, in the recorded swarm as far as is known."""
    if sight.listed is False:
        if sight.cluster_id is None:
            return Refuse(
                f"is in a swarm that is not {swarm}",
                "if that one is given up, run there: docker swarm leave --force; then run the same command again",
            )
        return LeaveThenJoin("the swarm no longer lists it", sight.wanted, sight.stale)
    if sight.role is sight.wanted:
        return Keep(f"is {sight.wanted} in the swarm {swarm}")
    if not sight.reachable or sight.node_id is None or sight.role is None:
        return Wait(f"no manager of the swarm {swarm} can be reached")
    if sight.wanted is Role.MANAGER:
        return Promote("is worker, wanted manager")
    if not may_remove(sight.managers, sight.reachable, (sight.node_id,)):
        return Wait("its demotion would cost the quorum; another manager must be reachable first")
    return Demote("is manager, wanted worker")
