"""The faults that can be asked for by name, each as rules (docs/faults.md)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from lab.errors import LabError
from lab.faults.rule import Action, Rule
from metal.errors import InputError

__all__ = ["KINDS", "Kind", "Player", "kind_named"]

_NO_SLOT, _NO_SUITE, _BUSY = 0x01, 0x11, 0xC0


class Player(StrEnum):
    """Who plays a fault."""

    BMC = "BMC"
    FIRMWARE = "firmware"
    SYSTEM = "system"


@dataclass(frozen=True)
class Kind:
    """One kind of fault.

    :ivar meaning: one line.
    :ivar count: what a count means; empty where it takes none.
    :ivar seconds: what a time means.
    :ivar make: its rules, from count, time and chance, each None where not given.
    """

    name: str
    player: Player
    meaning: str
    count: str
    seconds: str
    make: Callable[[int | None, float | None, float | None], tuple[Rule, ...]]

    def rules(
        self, *, count: int | None = None, seconds: float | None = None, chance: float | None = None
    ) -> tuple[Rule, ...]:
        """:raises LabError: a value that makes no sense for it."""
        if count is not None and (count < 1 or not self.count):
            allowed = f"at least 1: {self.count}" if self.count else "none"
            raise LabError(f"fault {self.name}: count {count} is refused; allowed: {allowed}")
        if seconds is not None and (seconds <= 0 or not self.seconds):
            allowed = f"more than 0: {self.seconds}" if self.seconds else "none"
            raise LabError(f"fault {self.name}: a time of {seconds:g} s is refused; allowed: {allowed}")
        if chance is not None and (not 0 < chance <= 1 or self.name not in _BY_CHANCE):
            allowed = "more than 0, at most 1" if self.name in _BY_CHANCE else f"only with {', '.join(_BY_CHANCE)}"
            raise LabError(f"fault {self.name}: chance {chance:g} is refused; allowed: {allowed}")
        return self.make(count, seconds, chance)


_BY_CHANCE = ("udp-loss", "udp-double")
_TIMES, _LASTS = "so many times", "ends after so many seconds"


def _simple(match: str, action: Action, code: int = 0) -> Callable[..., tuple[Rule, ...]]:
    return lambda count, seconds, chance: (Rule(match, action, count=count, seconds=seconds, code=code),)


def _by_chance(action: Action, usual: float) -> Callable[..., tuple[Rule, ...]]:
    def make(count: int | None, seconds: float | None, chance: float | None) -> tuple[Rule, ...]:
        return tuple(
            Rule(f"{way}:*", action, count=count, seconds=seconds, chance=usual if chance is None else chance)
            for way in ("in", "out")
        )

    return make


def _frozen(count: int | None, seconds: float | None, chance: float | None) -> tuple[Rule, ...]:
    return (Rule("ask:*", Action.FREEZE, latency=seconds or 10.0, count=1, after=count or 0),)


def _burst(count: int | None, seconds: float | None, chance: float | None) -> tuple[Rule, ...]:
    return (Rule("ask:*", Action.FREEZE, latency=seconds or 5.0, after=count or 10, within=1.0),)


def _locks(count: int | None, seconds: float | None) -> Rule:
    return Rule("bad login", Action.LOCK, latency=seconds or 600.0, after=(count or 3) - 1)


def _wrong_password(count: int | None, seconds: float | None, chance: float | None) -> tuple[Rule, ...]:
    return Rule("password", Action.OTHER_PASSWORD), _locks(count, seconds)


def _lasting(match: str, action: Action, usual: float, *, count: int | None = None) -> Callable[..., tuple[Rule, ...]]:
    """For what takes the time as its own length."""
    return lambda times, seconds, chance: (Rule(match, action, latency=seconds or usual, count=times or count),)


_CONTROLS = "ask:control:*"

KINDS: tuple[Kind, ...] = (
    Kind("udp-loss", Player.BMC, "datagrams to and from the BMC get lost, one in five or by --chance", _TIMES, _LASTS,
         _by_chance(Action.DROP, 0.2)),
    Kind("udp-double", Player.BMC, "datagrams arrive twice, one in two or by --chance", _TIMES, _LASTS,
         _by_chance(Action.DOUBLE, 0.5)),
    Kind("silent", Player.BMC, "the BMC answers nothing, not even a ping", "so many datagrams", _LASTS,
         _simple("in:*", Action.DROP)),
    Kind("slow", Player.BMC, "each answer comes late", _TIMES, "seconds of each (0.5)",
         _lasting("in:*", Action.DELAY, 0.5)),
    Kind("busy", Player.BMC, "commands are answered 'node busy' and not carried out", _TIMES, _LASTS,
         _simple("ask:*", Action.REFUSE, _BUSY)),
    Kind("frozen", Player.BMC, "the BMC freezes once", "after so many commands (0)", "seconds of the freeze (10)",
         _frozen),
    Kind("burst", Player.BMC, "the BMC freezes whenever commands come too fast", "more than so many a second (10)",
         "seconds of each freeze (5)", _burst),
    Kind("no-slots", Player.BMC, "other clients hold all sessions", "so many logins", _LASTS,
         _simple("login:open:*", Action.REFUSE, _NO_SLOT)),
    Kind("suite-3-only", Player.BMC, "takes no cipher suite but 3", _TIMES, _LASTS,
         _simple("login:open:17", Action.REFUSE, _NO_SUITE)),
    Kind("suite-17-only", Player.BMC, "takes no cipher suite but 17", _TIMES, _LASTS,
         _simple("login:open:3", Action.REFUSE, _NO_SUITE)),
    Kind("suite-17-silent", Player.BMC, "takes no cipher suite but 17, and answers nothing to others", _TIMES, _LASTS,
         _simple("login:open:3", Action.DROP)),
    Kind("no-suite", Player.BMC, "takes none of our cipher suites", _TIMES, _LASTS,
         _simple("login:open:*", Action.REFUSE, _NO_SUITE)),
    Kind("wrong-password", Player.BMC, "has another password, and locks the account", "after so many logins (3)",
         "seconds that the account is locked (600)", _wrong_password),
    Kind("lock-out", Player.BMC, "locks the account after wrong passwords", "after so many logins (3)",
         "seconds that it is locked (600)", lambda count, seconds, chance: (_locks(count, seconds),)),
    Kind("boot-device-ignored", Player.BMC, "a boot device is accepted and not kept", _TIMES, _LASTS,
         _simple("ask:set option:5", Action.IGNORE)),
    Kind("boot-device-lost", Player.BMC, "a one-shot boot device is gone when the machine starts", _TIMES, _LASTS,
         _simple(_CONTROLS, Action.LOSE)),
    Kind("power-lag", Player.BMC, "the power state shows late", _TIMES, "seconds that it shows late (5)",
         _lasting(_CONTROLS, Action.LAG, 5.0)),
    Kind("power-ignored", Player.BMC, "power commands are accepted and not carried out", _TIMES, _LASTS,
         _simple(_CONTROLS, Action.IGNORE)),
    Kind("bmc-reset", Player.BMC, "carries a power command out and restarts before it answers", "so many times (1)",
         "seconds of the restart (5)", _lasting(_CONTROLS, Action.RESTART, 5.0, count=1)),
    Kind("boot-hangs", Player.FIRMWARE, "the machine has power and nothing boots", "so many starts", _LASTS,
         _simple("boot", Action.HANG)),
    Kind("network-boot-ignored", Player.FIRMWARE, "boots from disk whatever the boot device is", "so many starts",
         _LASTS, _simple("boot", Action.DISK)),
    Kind("slow-boot", Player.SYSTEM, "SSH is open long before the system has booted, from the next start on", "",
         "seconds between the two (20)", _lasting("system", Action.SLOW_BOOT, 20.0)),
    Kind("dpkg-locked", Player.SYSTEM, "the package manager's lock is held, now and after each start", "",
         "seconds (30)", _lasting("system", Action.LOCK_PACKAGES, 30.0)),
    Kind("clock-skew", Player.SYSTEM, "the clock is ahead, as `date` tells it", "", "seconds of the skew (300)",
         _lasting("system", Action.SKEW_CLOCK, 300.0)),
    Kind("host-key-changed", Player.SYSTEM, "shows another host key", "", "",
         lambda count, seconds, chance: (Rule("system", Action.CHANGE_HOST_KEY),)),
    Kind("disk-read-only", Player.SYSTEM, "nothing can be written to the disk", "", "",
         lambda count, seconds, chance: (Rule("system", Action.READ_ONLY),)),
    Kind("docker-restart", Player.SYSTEM, "the engine restarts once in the middle of its join to a swarm", "", "",
         lambda count, seconds, chance: (Rule("system", Action.RESTART_DOCKER),)),
)  # fmt: skip


def kind_named(name: str) -> Kind:
    """:raises InputError: no such kind."""
    for kind in KINDS:
        if kind.name == name:
            return kind
    raise InputError([f"KIND = {name}: no such fault; allowed: {', '.join(kind.name for kind in KINDS)}"])
