"""One rule: what it matches, what happens then, and when it ends. Plain data, so that a set can change at any time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

__all__ = ["Action", "Fault", "Rule"]


class Action(StrEnum):
    """What happens instead of, or beside, what would have happened."""

    # At a BMC
    DROP = "drop"  # of a datagram that came in: never seen; of one that goes out: what was asked for is done
    DOUBLE = "double"
    DELAY = "delay"  # the answer comes `latency` seconds late
    REFUSE = "refuse"  # answered with status or completion code `code`, not carried out
    IGNORE = "ignore"  # answered as if it had been carried out
    LOSE = "lose"  # the one-shot boot device is forgotten before the machine sees it
    LAG = "lag"  # carried out; the state before it is shown for `latency` seconds
    FREEZE = "freeze"  # not carried out, and nothing is answered for `latency` seconds
    RESTART = "restart"  # carried out and not answered; sessions forgotten, nothing answered for `latency` seconds
    OTHER_PASSWORD = "other password"  # noqa: S105
    LOCK = "lock"  # the account is refused for `latency` seconds
    # At the machine's start
    HANG = "hang"
    DISK = "disk"  # boots from disk whatever the boot device is
    # In its system
    SLOW_BOOT = "slow boot"  # systemd has a job for `latency` seconds after SSH is open
    LOCK_PACKAGES = "lock packages"  # for `latency` seconds
    SKEW_CLOCK = "skew clock"  # by `latency` seconds
    CHANGE_HOST_KEY = "change host key"
    READ_ONLY = "read only"
    RESTART_DOCKER = "restart docker"  # as soon as the engine begins to join a swarm


@dataclass(frozen=True)
class Rule:
    """A rule fires on the events that it matches, once `after` of them have passed, at most `count` times.

    :ivar match: a pattern (fnmatch) over the names of events: `in:command`, `ask:control:off`, `login:open:17`, `boot`.
    :ivar latency: seconds; what of, the action says.
    :ivar count: None for no end.
    :ivar seconds: how long it lasts from when it was armed, None for no end; `for` in its data.
    :ivar after: so many matching events pass first; with `within`, so many in that many seconds.
    :ivar chance: probability that it fires, drawn from its fault's seed.
    :ivar code: RMCP+ status or IPMI completion code of a refusal.
    """

    match: str
    action: Action
    latency: float = 0.0
    count: int | None = None
    seconds: float | None = None
    after: int = 0
    within: float = 0.0
    chance: float = 1.0
    code: int = 0

    def matches(self, event: str) -> bool:
        return fnmatchcase(event, self.match)

    def to_dict(self) -> dict[str, Any]:
        """Without what has its default."""
        shown = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if getattr(self, field.name) != field.default
        }
        if "seconds" in shown:
            shown["for"] = shown.pop("seconds")
        return shown

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Rule:
        values = dict(data)
        if "for" in values:
            values["seconds"] = values.pop("for")
        values["action"] = Action(values["action"])
        return cls(**values)


@dataclass(frozen=True)
class Fault:
    """The rules of one fault that was asked for.

    :ivar number: of this fault on its host; never given twice, so that what is counted belongs to this one.
    :ivar since: second of the boot clock at which it was armed.
    :ivar seed: of everything that is random in it.
    """

    number: int
    kind: str
    rules: tuple[Rule, ...]
    since: float
    seed: int = 1

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "rules": [rule.to_dict() for rule in self.rules]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Fault:
        return cls(
            number=int(data["number"]),
            kind=str(data["kind"]),
            rules=tuple(Rule.from_dict(rule) for rule in data["rules"]),
            since=float(data["since"]),
            seed=int(data["seed"]),
        )
