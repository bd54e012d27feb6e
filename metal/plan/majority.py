"""Raft arithmetic, the same for Swarm managers and Consul servers."""

from __future__ import annotations

from collections.abc import Collection

__all__ = ["SIZES", "majority", "may_remove", "may_restart", "tolerance"]

# More voters slow every write and add no safety worth it (Swarm administration guide, Consul reference architecture).
SIZES = (1, 3, 5, 7)


def majority(members: int) -> int:
    """How many of `members` voters must agree."""
    return members // 2 + 1


def tolerance(members: int) -> int:
    """How many of `members` voters may fail before no decision can be made."""
    return max(0, (members - 1) // 2)


def may_remove(members: Collection[str], alive: Collection[str], removing: Collection[str]) -> bool:
    """Whether `removing` can be taken out, dead ones first and one at a time, with a majority at every step.

    :param members: voters now, by name or id.
    :param alive: those of them that answer.
    :param removing: those to take out, alive or not; names that are no members change nothing.
    """
    now, up, out = set(members), set(alive) & set(members), set(removing) & set(members)
    if not out:
        return True
    left = now - out
    # Each removal of a live voter lowers the margin, so the first and the last step are the narrow ones.
    return bool(left) and len(up) >= majority(len(now)) and len(up & left) >= majority(len(left))


def may_restart(members: Collection[str], alive: Collection[str], restarting: str) -> bool:
    """Whether a voter can be away for a moment without the majority being lost for that long.

    Fewer than three tolerate no failure: there a restart always stops decisions, and is done all the same.

    :param members: voters now, by name or id.
    :param alive: those of them that answer.
    """
    up = set(alive) & set(members)
    if len(members) < 3 or restarting not in up:
        return True
    return len(up - {restarting}) >= majority(len(members))
