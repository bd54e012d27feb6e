"""Which faults are armed on a host, and how far each has come."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lab.bmc.flags import boot_clock
from lab.errors import LabError
from lab.faults.book import read_faults, spent, write_faults
from lab.faults.kinds import Player, kind_named
from lab.faults.rule import Action, Fault
from lab.spec import HostSpec

__all__ = ["ArmedFault", "arm", "armed", "armed_at", "disarm"]


@dataclass(frozen=True)
class ArmedFault:
    """One armed fault.

    :ivar fired: times that it struck; None for one that lies in the host's system, where nobody counts.
    :ivar locked: times that it locked the account.
    :ivar over: it has done all that it was to do; it stays listed until it is cleared.
    """

    kind: str
    fired: int | None
    locked: int
    over: bool
    left: str

    def __str__(self) -> str:
        notes = [
            "in force until cleared, strikes are not counted" if self.fired is None else f"struck {self.fired}x",
            f"locked the account {self.locked}x" if self.locked else "",
            "over" if self.over else self.left,
        ]
        return f"{self.kind} ({', '.join(note for note in notes if note)})"


def armed(host: HostSpec) -> tuple[ArmedFault, ...]:
    """All of them, in the order in which they were armed."""
    counts = spent(*host.spent_faults)
    return tuple(_seen(fault, counts) for fault in read_faults(host.faults))


def _seen(fault: Fault, counts: dict[tuple[int, int], int]) -> ArmedFault:
    now = boot_clock()
    fired = [counts.get((fault.number, index), 0) for index in range(len(fault.rules))]
    over = all(
        (rule.count is not None and times >= rule.count)
        or (rule.seconds is not None and now > fault.since + rule.seconds)
        for rule, times in zip(fault.rules, fired, strict=True)
    )
    notes = []
    for rule, times in zip(fault.rules, fired, strict=True):
        if rule.count is not None:
            notes.append(f"{max(0, rule.count - times)} left")
        if rule.seconds is not None:
            notes.append(f"{max(0.0, fault.since + rule.seconds - now):.0f} s left")
    locked = sum(times for rule, times in zip(fault.rules, fired, strict=True) if rule.action is Action.LOCK)
    # A login that finds the password wrong strikes, whether it is the one that locks the account or not.
    struck = sum(fired) - locked if len(fault.rules) > 1 else sum(fired)
    counted = kind_named(fault.kind).player is not Player.SYSTEM
    return ArmedFault(fault.kind, struck if counted else None, locked, over, ", ".join(dict.fromkeys(notes)))


def armed_at(host: HostSpec, player: Player) -> bool:
    """Whether a fault is armed that this one plays, over or not."""
    return any(kind_named(fault.kind).player is player for fault in read_faults(host.faults))


def arm(
    host: HostSpec,
    kind: str,
    *,
    count: int | None = None,
    seconds: float | None = None,
    chance: float | None = None,
    seed: int = 1,
) -> Fault:
    """Arm a fault; one of the same kind is armed anew.

    :raises LabError: no such kind, or values that make no sense for it.
    """
    for name, value in (("seconds", seconds), ("chance", chance)):
        if value is not None and not math.isfinite(value):
            raise LabError(f"{name}: {value} is no length of time and no chance", next_step="give a finite number")
    rules = kind_named(kind).rules(count=count, seconds=seconds, chance=chance)
    others = [fault for fault in read_faults(host.faults) if fault.kind != kind]
    # Never a number that was given before, also after all were cleared: counts are kept by it.
    number = max([int(boot_clock() * 1000), *(fault.number + 1 for fault in others)])
    fault = Fault(number, kind, rules, boot_clock(), seed)
    write_faults(host.faults, [*others, fault])
    return fault


def disarm(host: HostSpec, kind: str | None = None) -> tuple[Fault, ...]:
    """Clear one kind of fault, or all; returns those that were armed.

    :raises LabError: no such kind, or it is not armed.
    """
    known = read_faults(host.faults)
    gone = tuple(fault for fault in known if kind in (None, fault.kind))
    if kind is not None and not gone:
        kind_named(kind)
        listed = ", ".join(fault.kind for fault in known) or "none"
        raise LabError(f"fault {kind} is not armed", host=host.name, seen=f"armed: {listed}")
    write_faults(host.faults, [fault for fault in known if fault not in gone])
    return gone
