"""A change of membership as the ordered steps that a run takes, with the voters of Swarm and Consul at each."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from metal.plan.majority import majority
from metal.plan.quorum import Member, Membership

__all__ = ["Kind", "RackLoss", "Step", "Vote", "Voters", "rack_losses", "steps"]


class Vote(StrEnum):
    """The two raft groups of a cluster."""

    SWARM = "Swarm"
    CONSUL = "Consul"


class Kind(StrEnum):
    JOIN = "join"
    RISE = "rise"  # gains a vote in place
    REINSTALL = "reinstall"
    FALL = "fall"  # loses a vote in place
    LEAVE = "leave"
    WAIT = "wait"  # on hold: nothing of it is done


@dataclass(frozen=True)
class Voters:
    """One raft group at one moment.

    :ivar up: those of them that do not count as down.
    """

    count: int
    up: int

    @property
    def needed(self) -> int:
        return majority(self.count)

    @property
    def spare(self) -> int:
        """How many more may fail; below zero there is no majority."""
        return self.up - self.needed


@dataclass(frozen=True)
class Step:
    """One move; the next begins when it is done, where votes are touched.

    :ivar hosts: sorted; more than one only where no vote is touched.
    :ivar votes: the groups whose voters it changes.
    :ivar swarm, consul: voters at the step's narrowest moment: after it, or for a reinstall while the host is away.
    """

    kind: Kind
    hosts: tuple[str, ...]
    votes: frozenset[Vote]
    swarm: Voters
    consul: Voters


@dataclass(frozen=True)
class RackLoss:
    """What is left of a raft group when one rack is gone.

    :ivar remain: voters that are up and stand elsewhere.
    """

    vote: Vote
    rack: str
    remain: int
    voters: int

    @property
    def needed(self) -> int:
        return majority(self.voters)


def steps(old: Membership | None, new: Membership) -> tuple[Step, ...]:
    """Every host's change, once, in the order of the run: what adds a vote, then what takes one, one host at a time.

    The order is that of the gates at run time: a demotion, a removal and a reinstall of a voter wait until every other
    wanted voter is healthy, so promotions and joins come first, and a host that is down goes before a living one where
    the majority is narrow. Of several that join or rise the one that is ready first goes first, which changes no count.
    Hosts without a vote have no order among themselves.

    :param old: None for a cluster that does not exist yet.
    """
    return tuple(_Walk(old, new).steps())


def rack_losses(membership: Membership) -> tuple[RackLoss, ...]:
    """For each raft group, the rack whose loss leaves the fewest voters; none where no voter's rack is given."""
    found = []
    for vote in Vote:
        names = _voting(membership, vote)
        racks = sorted({membership.members[name].rack for name in names} - {""})
        left = {rack: _up(membership, names, but=rack) for rack in racks}
        if left:
            worst = min(racks, key=lambda rack: left[rack])
            found.append(RackLoss(vote, worst, left[worst], len(names)))
    return tuple(found)


@dataclass
class _Walk:
    old: Membership | None
    new: Membership
    voting: dict[Vote, set[str]] = field(init=False)
    renewed: set[str] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self.voting = {vote: set(_voting(self.old, vote)) if self.old else set() for vote in Vote}

    @property
    def before(self) -> Mapping[str, Member]:
        return self.old.members if self.old else {}

    def steps(self) -> Iterator[Step]:
        before, after = self.before, self.new.members
        waits = {name for name, member in after.items() if member.held and self._changes(name)}
        joins = [name for name in after if name not in before and name not in waits]
        both = [name for name in after if name in before and name not in waits]
        again = [name for name in both if after[name].generation > before[name].generation]
        there = [name for name in both if name not in again]
        leaves = [name for name in before if name not in after]

        fresh = [name for name in again if not self._votes_before(name)]
        # A promotion has its vote within seconds, a join after its install.
        yield from self._one_by_one(Kind.RISE, [name for name in there if self._gained(name)])
        yield from self._one_by_one(Kind.JOIN, [name for name in joins if self._votes_after(name)])
        yield from self._one_by_one(Kind.REINSTALL, [name for name in fresh if self._votes_after(name)])
        yield from self._together(Kind.JOIN, [name for name in joins if not self._votes_after(name)])

        voters = [name for name in leaves if self._votes_before(name)]
        yield from self._one_by_one(Kind.LEAVE, [name for name in voters if before[name].down])
        falls = [name for name in there if self._lost(name)]
        yield from self._one_by_one(Kind.FALL, [name for name in falls if self._down(name)])
        yield from self._one_by_one(Kind.REINSTALL, [name for name in again if self._votes_before(name)])
        yield from self._one_by_one(Kind.FALL, [name for name in falls if not self._down(name)])
        yield from self._one_by_one(Kind.LEAVE, [name for name in voters if not before[name].down])

        yield from self._together(Kind.REINSTALL, [name for name in fresh if not self._votes_after(name)])
        yield from self._together(Kind.LEAVE, [name for name in leaves if not self._votes_before(name)])
        yield from self._together(Kind.WAIT, waits)

    def _one_by_one(self, kind: Kind, names: Collection[str]) -> Iterator[Step]:
        # One that is down costs the majority nothing when it goes, so it goes first; and comes last.
        adds = kind in (Kind.JOIN, Kind.RISE)
        for name in sorted(names, key=lambda name: (self._down(name) is adds, name)):
            touched = self._move(kind, name)
            narrow = self._now()
            if kind is Kind.REINSTALL:
                self.renewed.add(name)
                touched |= self._gain(name, self._votes_after(name))
            yield Step(kind, (name,), frozenset(touched), narrow[Vote.SWARM], narrow[Vote.CONSUL])

    def _together(self, kind: Kind, names: Collection[str]) -> Iterator[Step]:
        if names:
            now = self._now()
            yield Step(kind, tuple(sorted(names)), frozenset(), now[Vote.SWARM], now[Vote.CONSUL])

    def _move(self, kind: Kind, name: str) -> set[Vote]:
        """Change who votes up to the step's narrowest moment; the groups that were touched."""
        if kind in (Kind.JOIN, Kind.RISE):
            # Nobody gets a vote without being there: one that was down is back by now.
            self.renewed.add(name)
            return self._gain(name, self._votes_after(name))
        going = self._lost(name) if kind is Kind.FALL else self._votes_before(name)
        for vote in going:
            self.voting[vote].discard(name)
        if kind is Kind.REINSTALL and not going:
            self.renewed.add(name)
            return self._gain(name, self._votes_after(name))
        return set(going)

    def _gain(self, name: str, votes: Collection[Vote]) -> set[Vote]:
        gained = {vote for vote in votes if name not in self.voting[vote]}
        for vote in gained:
            self.voting[vote].add(name)
        return gained

    def _now(self) -> dict[Vote, Voters]:
        return {
            vote: Voters(len(names), sum(not self._down(name) for name in names)) for vote, names in self.voting.items()
        }

    def _down(self, name: str) -> bool:
        """Said to be down before or after the edit: one that is taken off hold with it is not back yet."""
        was, will = self.before.get(name), self.new.members.get(name)
        return bool((will and will.down) or (was and was.down and name not in self.renewed))

    def _votes_before(self, name: str) -> frozenset[Vote]:
        return _votes_of(self.before.get(name))

    def _votes_after(self, name: str) -> frozenset[Vote]:
        return _votes_of(self.new.members.get(name))

    def _gained(self, name: str) -> frozenset[Vote]:
        return self._votes_after(name) - self._votes_before(name)

    def _lost(self, name: str) -> frozenset[Vote]:
        return self._votes_before(name) - self._votes_after(name)

    def _changes(self, name: str) -> bool:
        was, will = self.before.get(name), self.new.members[name]
        if was is None:
            return True
        return will.generation > was.generation or _votes_of(was) != _votes_of(will)


def _votes_of(member: Member | None) -> frozenset[Vote]:
    if member is None:
        return frozenset()
    has = {Vote.SWARM: member.manager, Vote.CONSUL: member.consul_server}
    return frozenset(vote for vote, given in has.items() if given)


def _voting(membership: Membership, vote: Vote) -> frozenset[str]:
    return membership.managers if vote is Vote.SWARM else membership.consul_servers


def _up(membership: Membership, names: Collection[str], *, but: str) -> int:
    members = [membership.members[name] for name in names]
    return sum(not member.down and member.rack != but for member in members)
