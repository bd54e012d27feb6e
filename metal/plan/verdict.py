"""Answers that many decisions share."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Keep", "Refuse", "Wait"]


@dataclass(frozen=True)
class Keep:
    """Nothing to do."""

    reason: str


@dataclass(frozen=True)
class Wait:
    """Not yet: observe again until the deadline, and fail with the reason then."""

    reason: str


@dataclass(frozen=True)
class Refuse:
    """Touch nothing."""

    reason: str
    next_step: str
