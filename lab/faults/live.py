"""Armed faults as those who play them see them: which rule fires now, and how often each has."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from lab.bmc.flags import boot_clock
from lab.faults.book import read_faults
from lab.faults.rule import Action, Fault, Rule

__all__ = ["KeptFaults", "LiveFaults"]


@dataclass
class _Count:
    """How far one rule is.

    :ivar seen: events that it matched.
    :ivar fired: times that it fired.
    :ivar recent: times of the latest matches, for a rule that counts within a time.
    """

    random: random.Random
    seen: int = 0
    fired: int = 0
    recent: list[float] = field(default_factory=list)


class LiveFaults:
    """Used by one thread; `set` may be called from any."""

    def __init__(self, faults: Iterable[Fault] = (), *, clock: Callable[[], float] = boot_clock) -> None:
        self._clock = clock
        self._faults = tuple(faults)
        self._counts: dict[tuple[int, int], _Count] = {}

    def set(self, *rules: Rule, seed: int = 1) -> None:
        """Have these rules and no others, as one fault armed now; without any, none."""
        number = max((fault.number for fault in self._faults), default=0) + 1
        self._faults = (Fault(number, "test", rules, self._clock(), seed),) if rules else ()

    def pick(self, event: str, *actions: Action) -> Rule | None:
        """The first rule that fires on the event; it counts as fired.

        :param actions: only rules with one of these; all without.
        """
        for fault in self._faults:
            for index, rule in enumerate(fault.rules):
                if actions and rule.action not in actions:
                    continue
                if rule.matches(event) and self._fires(fault, index, rule):
                    return rule
        return None

    def standing(self, event: str, action: Action) -> Rule | None:
        """A rule that is in force for the event, without counting anything."""
        for fault in self._faults:
            for index, rule in enumerate(fault.rules):
                if rule.action is action and rule.matches(event) and self._in_force(fault, index, rule):
                    return rule
        return None

    def strike(self, event: str, action: Action) -> Rule | None:
        """The rule that is in force for the event, counted as fired: for what is played under conditions of its own."""
        for fault in self._faults:
            for index, rule in enumerate(fault.rules):
                if rule.action is action and rule.matches(event) and self._in_force(fault, index, rule):
                    self._count(fault, index).fired += 1
                    return rule
        return None

    def fired(self) -> dict[int, int]:
        """Times that rules fired, by number of the fault."""
        found: dict[int, int] = {}
        for (number, _), count in self._counts.items():
            found[number] = found.get(number, 0) + count.fired
        return found

    def _count(self, fault: Fault, index: int) -> _Count:
        key = fault.number, index
        if key not in self._counts:
            self._counts[key] = _Count(random.Random(f"{fault.seed}/{fault.kind}/{index}"))
        return self._counts[key]

    def _in_force(self, fault: Fault, index: int, rule: Rule) -> bool:
        if rule.seconds is not None and self._clock() > fault.since + rule.seconds:
            return False
        return rule.count is None or self._count(fault, index).fired < rule.count

    def _fires(self, fault: Fault, index: int, rule: Rule) -> bool:
        if not self._in_force(fault, index, rule):
            return False
        count = self._count(fault, index)
        count.seen += 1
        if rule.within:
            now = self._clock()
            count.recent = [moment for moment in count.recent if moment > now - rule.within] + [now]
            if len(count.recent) <= rule.after:
                return False
            count.recent = []
        elif count.seen <= rule.after:
            return False
        if rule.chance < 1 and count.random.random() >= rule.chance:
            return False
        count.fired += 1
        return True


class KeptFaults(LiveFaults):
    """The faults armed in a file, which may change at any time.

    :param path: of :mod:`lab.faults.book`.
    :param spent: where this player notes how often rules fired, so that a restart of it, or a boot, forgets nothing.
    """

    def __init__(self, path: Path, spent: Path, *, clock: Callable[[], float] = boot_clock) -> None:
        super().__init__(clock=clock)
        self._path = path
        self._spent = spent
        self._stamp: tuple[int, int] | None = None
        self._restore()

    def pick(self, event: str, *actions: Action) -> Rule | None:
        self._refresh()
        rule = super().pick(event, *actions)
        if rule is not None:
            self._note()
        return rule

    def standing(self, event: str, action: Action) -> Rule | None:
        self._refresh()
        return super().standing(event, action)

    def strike(self, event: str, action: Action) -> Rule | None:
        self._refresh()
        rule = super().strike(event, action)
        if rule is not None:
            self._note()
        return rule

    def _refresh(self) -> None:
        try:
            stat = os.stat(self._path)
        except FileNotFoundError:
            self._faults, self._stamp = (), None
            return
        stamp = stat.st_mtime_ns, stat.st_ino
        if stamp != self._stamp:
            self._faults, self._stamp = read_faults(self._path), stamp

    def _restore(self) -> None:
        self._refresh()
        try:
            spent = json.loads(self._spent.read_text())
        except FileNotFoundError:
            return
        for fault in self._faults:
            for index, (seen, fired) in enumerate(spent.get(str(fault.number), ())):
                count = self._count(fault, index)
                count.seen, count.fired = seen, fired

    def _note(self) -> None:
        spent = {
            fault.number: [
                [self._count(fault, index).seen, self._count(fault, index).fired] for index in range(len(fault.rules))
            ]
            for fault in self._faults
        }
        new = self._spent.with_name(self._spent.name + ".new")
        new.write_text(json.dumps(spent))
        os.replace(new, self._spent)
