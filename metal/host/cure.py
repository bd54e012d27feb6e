"""What was looked at before a host was found wanting, and what to do about what it lacks. Pure."""

from __future__ import annotations

from metal.host import plan
from metal.host.clock import Skew
from metal.host.facts import Facts
from metal.host.ssh import READ_ONLY_CURE
from metal.host.wish import ReadyWish

__all__ = ["CLOCK_CURE", "cure", "looked_at"]

CLOCK_CURE = (
    "start time synchronisation on the host (systemd-timesyncd or chrony), or raise ready.clock_skew, then run again; "
    "if every host is off by the same, it is the clock here"
)


def looked_at(wish: ReadyWish) -> tuple[str, ...]:
    """What is held against `ready` before a clock is waited for, in the order in which it is told."""
    expect = wish.expect
    asked = {
        "release": bool(wish.os),
        "processors": True,
        "memory": True,
        "clock": True,
        "kernel": bool(expect.kernel),
        "disks": bool(expect.disks),
        "network cards": bool(expect.nics),
        "folders that are written to": True,
    }
    return tuple(name for name, is_asked in asked.items() if is_asked)


def cure(wish: ReadyWish, facts: Facts, skew: Skew) -> str:
    """What to do about each sort of shortfall that there is, and about no other."""
    lacking = plan.shortfalls(wish, facts, skew)
    release, clock = not plan.is_allowed(wish, facts), bool(plan.clock_lacks(wish, skew))
    metal = len(lacking) - release - clock - bool(facts.read_only)
    cures = [
        "install a release that is allowed and raise its generation, or allow this one in ready.os" if release else "",
        "put right what the machine is made of or runs, or correct `ready` in the settings" if metal else "",
        CLOCK_CURE if clock else "",
        READ_ONLY_CURE if facts.read_only else "",
    ]
    return "; ".join(words for words in cures if words)
