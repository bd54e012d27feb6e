"""How a Consul server starts, restarts and leaves: decided from what it and the other servers say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from metal.plan.majority import majority, may_remove
from metal.plan.verdict import Refuse, Wait

__all__ = [
    "Birth",
    "JoinServers",
    "Proceed",
    "Resume",
    "ServerSeen",
    "StartSight",
    "Voters",
    "decide_join",
    "decide_removal",
    "decide_restart",
    "decide_start",
]


@dataclass(frozen=True)
class ServerSeen:
    """One server's own word.

    :ivar formed: it leads, follows, or has raft data from a cluster that was formed.
    """

    formed: bool


@dataclass(frozen=True)
class StartSight:
    """What is known before a server's agent is started.

    :ivar wanted: the servers that the settings want and that may be dialled, this host included.
    :ivar own_formed: this host has raft data of a cluster that was formed.
    :ivar others: what other hosts of the cluster say; the ones that do not answer are left out.
    """

    host: str
    wanted: tuple[str, ...]
    own_formed: bool
    others: Mapping[str, ServerSeen]


@dataclass(frozen=True)
class Birth:
    """Start with `bootstrap_expect`. Consul itself gives the birth up when a peer that it meets has raft data."""

    expect: int
    reason: str


@dataclass(frozen=True)
class JoinServers:
    """Start without `bootstrap_expect`, one server at a time, when the others are healthy."""

    reason: str


@dataclass(frozen=True)
class Resume:
    """Start without `bootstrap_expect`, at once: the cluster is waiting for this voter."""

    reason: str


def decide_start(sight: StartSight) -> Birth | JoinServers | Resume:
    """How this server's agent is to be started."""
    if sight.own_formed:
        return Resume("is a server of a cluster that was formed")
    formed = sorted(name for name, seen in sight.others.items() if name != sight.host and seen.formed)
    if formed:
        return JoinServers(f"{', '.join(formed)} belong to a cluster that was formed")
    return Birth(len(sight.wanted), f"no cluster was formed yet; {len(sight.wanted)} servers are wanted")


@dataclass(frozen=True)
class Voters:
    """The raft voters as autopilot sees them.

    :ivar all: voters by node name.
    :ivar healthy: those of them that are healthy.
    :ivar settling: servers that are alive and do not vote yet.
    """

    all: frozenset[str]
    healthy: frozenset[str]
    settling: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Proceed:
    reason: str


def decide_join(host: str, voters: Voters, *, wanted: frozenset[str]) -> Proceed | Wait:
    """Whether a new server may join now.

    One that is to stay is waited for. One that is not is no reason to wait: it may be dead, and go when this one votes.

    :param wanted: the servers that the settings want and that may be dialled.
    """
    ill = voters.all - voters.healthy - {host}
    awaited = sorted(ill & wanted)
    if awaited:
        return Wait(f"not healthy: {', '.join(awaited)}")
    healthy, needed = len(voters.healthy - {host}) + 1, majority(len(voters.all | {host}))
    if ill and healthy < needed:
        return Wait(f"not healthy: {', '.join(sorted(ill))}; with it {healthy} would be healthy, {needed} are needed")
    return Proceed(f"{healthy} healthy servers with it")


def decide_restart(host: str, voters: Voters) -> Proceed | Wait:
    """Whether a server's agent may be down for a moment."""
    if host not in voters.all:
        return Proceed("does not vote")
    if voters.all == {host}:
        return Proceed("is the only server; nothing can take over")
    others = voters.healthy - {host}
    needed = majority(len(voters.all))
    if len(others) < needed:
        return Wait(f"without it {len(others)} of {len(voters.all)} servers would be healthy, {needed} are needed")
    return Proceed(f"{len(others)} of {len(voters.all)} servers stay healthy")


def decide_removal(
    host: str, voters: Voters, *, wanted: frozenset[str], dead: bool, waived: bool = False
) -> Proceed | Wait | Refuse:
    """Whether a server may leave the raft.

    :param wanted: the servers that the settings want and that may be dialled; they must vote first (add before remove).
    :param dead: it does not answer.
    :param waived: the rule `quorum` is: nobody waits for servers that are missing, and the majority may go.
    """
    if not wanted - {host}:
        return Refuse(
            "it is the last Consul server of a cluster that stays",
            "name another server in clusters.<name>.consul.servers first, or remove the whole cluster",
        )
    missing = sorted((wanted - {host}) - voters.healthy)
    if waived:
        return Proceed("quorum is overridden")
    if missing and not dead:
        return Wait(f"{', '.join(missing)} must be a healthy voter first")
    alive = voters.healthy - {host} if dead else voters.healthy
    if not may_remove(voters.all, alive, {host}):
        return Wait(f"{len(alive)} of {len(voters.all)} servers are healthy; its removal would cost the quorum")
    return Proceed(f"{len(alive - {host})} healthy voters stay")
