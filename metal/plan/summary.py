"""What a change of membership does, in the words of a preview."""

from __future__ import annotations

from collections.abc import Sequence

from metal.plan.majority import tolerance
from metal.plan.quorum import Member, Membership
from metal.plan.steps import Kind, Step, Vote, Voters, rack_losses, steps

__all__ = ["names_in_short", "summarise"]

_SHOWN = 6
_PLURAL = {
    "joins": "join",
    "is": "are",
    "leaves": "leave",
    "becomes": "become",
    "counts": "count",
    "keeps": "keep",
    "has": "have",
}


def summarise(old: Membership | None, new: Membership) -> tuple[str, ...]:
    """A few short lines: numbered where votes change hands, in the order of the run; empty where nothing changes.

    What is a warning comes first: of many lines Pulumi shows the last one longest, and that is a step.

    :param old: None for a cluster that does not exist yet.
    """
    planned = steps(old, new)
    voting = [step for step in planned if step.votes]
    alike = old is None or old.managers == old.consul_servers
    words = _Words(old, new, alike and new.managers == new.consul_servers)
    lines = _racks(new, alike=words.alike) if voting else []
    lines += [f"{number}. {line}" for number, line in enumerate(words.of_votes(voting, born=old is None), start=1)]
    lines += [words.of(step) for step in planned if not step.votes]
    lines += _other(old, new)
    return tuple(lines)


def names_in_short(names: Sequence[str]) -> str:
    """Names in a line that stays short: a birth of fifty workers is one."""
    if len(names) <= _SHOWN + 1:
        return ", ".join(names)
    return f"{', '.join(names[:_SHOWN])} and {len(names) - _SHOWN} more"


class _Words:
    """:ivar alike: managers are Consul servers, before and after, so that one word and one count serve for both."""

    def __init__(self, old: Membership | None, new: Membership, alike: bool) -> None:
        self.old, self.new, self.alike = old, new, alike

    def of_votes(self, voting: Sequence[Step], *, born: bool) -> list[str]:
        if not born:
            return [f"{self.of(step)} ({self._counts(step)})" for step in voting]
        # Nothing is at stake in a birth, so its voters need no line each.
        told: dict[str, list[Step]] = {}
        for step in voting:
            told.setdefault(self._what(step), []).append(step)
        return [
            f"{_say([name for step in group for name in step.hosts], what)} ({self._counts(group[-1])})"
            for what, group in told.items()
        ]

    def of(self, step: Step) -> str:
        return _say(step.hosts, self._what(step))

    def _what(self, step: Step) -> str:
        name = step.hosts[0]
        was = self.old.members.get(name) if self.old else None
        will = self.new.members.get(name)
        if step.kind is Kind.LEAVE or will is None:
            return "leaves"
        if step.kind is Kind.WAIT:
            return "is on hold and not changed"
        if step.kind is Kind.JOIN or was is None:
            return f"joins as {self._role(will)}"
        if step.kind is Kind.REINSTALL:
            same = (was.manager, was.consul_server) == (will.manager, will.consul_server)
            return "is reinstalled and joins again" + ("" if same else f" as {self._role(will)}")
        return self._in_place(step, was, will)

    def _role(self, member: Member) -> str:
        role = "manager" if member.manager else "worker"
        return f"{role} and Consul server" if member.consul_server and not self.alike else role

    def _in_place(self, step: Step, was: Member, will: Member) -> str:
        rises = step.kind is Kind.RISE
        told = []
        if was.manager is not rises and will.manager is rises:
            told.append("is promoted to manager" if rises else "is demoted to worker")
        if was.consul_server is not rises and will.consul_server is rises and not (self.alike and told):
            told.append("becomes Consul server" if rises else "becomes Consul client")
        return " and ".join(told)

    def _counts(self, step: Step) -> str:
        away = step.kind is Kind.REINSTALL and self._is_voter(self.old, step) and self._is_voter(self.new, step)
        meanwhile = "meanwhile " if away else ""
        if self.alike:
            return meanwhile + _count(step.swarm)
        groups = ((Vote.SWARM, step.swarm), (Vote.CONSUL, step.consul))
        return meanwhile + "; ".join(f"{vote}: {_count(voters)}" for vote, voters in groups if vote in step.votes)

    @staticmethod
    def _is_voter(membership: Membership | None, step: Step) -> bool:
        member = membership.members.get(step.hosts[0]) if membership else None
        return member is not None and (member.manager or member.consul_server)


def _other(old: Membership | None, new: Membership) -> list[str]:
    """What changes no vote and no place."""
    before, after = (old.members if old else {}), new.members
    both = sorted(before.keys() & after.keys())
    lines = {
        "becomes container manager": [
            n for n in both if after[n].container_manager and not before[n].container_manager
        ],
        "is no longer container manager": [
            n for n in both if before[n].container_manager and not after[n].container_manager
        ],
        "counts as down": [n for n in both if after[n].down and not before[n].down],
        "counts as up again": [n for n in both if before[n].down and not after[n].down],
        "keeps the engine as it runs; port 2475 is not offered there": [
            n for n in sorted(after) if after[n].kept and not (n in before and before[n].kept)
        ],
        "has the engine taken over: configured as the settings say, and restarted": [
            n for n in both if before[n].kept and not after[n].kept
        ],
    }
    return [_say(names, what) for what, names in lines.items() if names] + _evicted(old, new)


def _say(names: Sequence[str], what: str) -> str:
    verb, _, rest = what.partition(" ")
    if len(names) > 1:
        verb = _PLURAL[verb]
    return f"{names_in_short(names)} {verb} {rest}".rstrip()


def _count(voters: Voters) -> str:
    up = f"{voters.up} up, " if voters.up != voters.count else ""
    spare = f"{voters.spare} may fail" if voters.spare > 0 else "none may fail" if not voters.spare else "NO QUORUM"
    return f"{voters.count} {'voter' if voters.count == 1 else 'voters'}, {up}{voters.needed} needed, {spare}"


def _racks(membership: Membership, *, alike: bool) -> list[str]:
    """The rack whose loss would cost the quorum, where another one is known that voters could stand in."""
    if len({member.rack for member in membership.members.values()} - {""}) < 2:
        return []
    losses = rack_losses(membership)
    return [
        f"with rack {loss.rack} gone {loss.remain} of {loss.voters} "
        f"{'voters' if alike else f'{loss.vote} voters'} remain, and {loss.needed} are needed"
        for loss in (losses[:1] if alike else losses)
        if loss.remain < loss.needed
    ]


def _evicted(old: Membership | None, new: Membership) -> list[str]:
    """What carries a cluster while some of its hosts are taken out and their places kept."""
    out = {name for name, member in new.members.items() if member.evicted}
    if not out or out == {name for name, member in (old.members if old else {}).items() if member.evicted}:
        return []
    told = [f"{', '.join(sorted(out))} {'are' if len(out) > 1 else 'is'} evicted while on hold"]
    for words, wanted in (("managers", new.managers), ("Consul servers", new.consul_servers)):
        left = wanted - out
        if left != wanted:
            told.append(f"{len(left)} of {len(wanted)} {words} carry the cluster, {_failures(len(left))}")
    return ["; ".join(told)]


def _failures(voters: int) -> str:
    count = tolerance(voters)
    return f"{count} may fail" if count else "none may fail"
