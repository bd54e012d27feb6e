"""What a change of membership does, in the words of a preview."""

from __future__ import annotations

from metal.plan.majority import tolerance
from metal.plan.quorum import Membership

__all__ = ["summarise"]


def summarise(old: Membership | None, new: Membership) -> tuple[str, ...]:
    """One short line for each kind of change; empty where nothing changes.

    :param old: None for a cluster that does not exist yet.
    """
    before, after = (old.members if old else {}), new.members
    both = sorted(before.keys() & after.keys())
    lines = {
        "joins as manager": [name for name in sorted(after.keys() - before.keys()) if after[name].manager],
        "joins as worker": [name for name in sorted(after.keys() - before.keys()) if not after[name].manager],
        "is reinstalled and joins again": [n for n in both if after[n].generation > before[n].generation],
        "is promoted to manager": [n for n in both if after[n].manager and not before[n].manager],
        "is demoted to worker": [n for n in both if before[n].manager and not after[n].manager],
        "becomes Consul server": [n for n in both if after[n].consul_server and not before[n].consul_server],
        "becomes Consul client": [n for n in both if before[n].consul_server and not after[n].consul_server],
        "becomes container manager": [
            n for n in both if after[n].container_manager and not before[n].container_manager
        ],
        "is no longer container manager": [
            n for n in both if before[n].container_manager and not after[n].container_manager
        ],
        "counts as down": [n for n in both if after[n].down and not before[n].down],
        "counts as up again": [n for n in both if before[n].down and not after[n].down],
        "leaves": sorted(before.keys() - after.keys()),
        "keeps its engine as it runs; port 2475 is not offered there": [
            n for n in sorted(after) if after[n].kept and not (n in before and before[n].kept)
        ],
        "has its engine taken over: configured as the settings say, and restarted": [
            n for n in both if before[n].kept and not after[n].kept
        ],
    }
    told = [f"{', '.join(names)} {what}" for what, names in lines.items() if names]
    for words, was, will in (
        ("Swarm managers", old.managers if old else frozenset(), new.managers),
        *(
            [("Consul servers", old.consul_servers if old else frozenset(), new.consul_servers)]
            if new.birth.consul == "own"
            else []
        ),
    ):
        if len(was) != len(will):
            grown = f"{len(was)} to {len(will)}" if old else f"{len(will)}"
            told.append(f"{words}: {grown}, {_failures(len(will))}")
    told += _evicted(old, new)
    return tuple(told)


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
