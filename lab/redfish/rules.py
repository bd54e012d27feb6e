"""Faults as data: which requests they meet, what happens to them, how late, how often."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

__all__ = ["Action", "Rule", "Rules"]


class Action(StrEnum):
    SERVE = "serve"  # as if there were no rule, but late
    ANSWER = "answer"  # with its status, and nothing is done
    APPLY = "apply"  # it is done, and the answer is its status all the same
    IGNORE = "ignore"  # answered as if it had been done
    HANG = "hang"  # never answered
    DROP = "drop"  # the connection ends without an answer
    LOSE = "lose"  # it is done, and then the connection ends without an answer


@dataclass
class Rule:
    """:ivar method: empty for any.
    :ivar path: regular expression, found anywhere in the path.
    :ivar status: of the answer, for ANSWER and APPLY.
    :ivar message: `MessageId` of that answer.
    :ivar latency: seconds before anything happens.
    :ivar count: meets so many requests; None for all.
    """

    action: Action
    method: str = ""
    path: str = ""
    status: int = 400
    message: str = "Base.1.8.GeneralError"
    text: str = ""
    latency: float = 0.0
    count: int | None = None
    retry_after: int = 0

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Rule:
        """From `{match: {method, path}, action, status, message, text, latency, count, retry_after}`."""
        rest = {key: value for key, value in data.items() if key not in ("match", "action")}
        return cls(action=Action(data["action"]), **dict(data.get("match") or {}), **rest)

    def meets(self, method: str, path: str) -> bool:
        return self.count != 0 and self.method in ("", method) and bool(re.search(self.path, path))


class Rules:
    """The first rule that meets a request takes it; may be added to while the BMC serves."""

    def __init__(self, rules: Iterable[Mapping[str, Any]] = ()) -> None:
        self._lock = threading.Lock()
        self._rules = [Rule.of(rule) for rule in rules]

    def add(self, rule: Mapping[str, Any]) -> None:
        with self._lock:
            self._rules.append(Rule.of(rule))

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()

    def take(self, method: str, path: str) -> Rule | None:
        with self._lock:
            for rule in self._rules:
                if rule.meets(method, path):
                    if rule.count is not None:
                        rule.count -= 1
                    return rule
        return None
