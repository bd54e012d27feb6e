"""The one error of the toolchain: which step, why, and what to do about it."""

from __future__ import annotations

__all__ = ["ToolchainError"]


class ToolchainError(Exception):
    """A tool could not be put in place.

    :ivar step: what was being done, as a clause.
    :ivar cause: what was seen.
    :ivar cure: what the reader should do.
    """

    def __init__(self, step: str, *, cause: str, cure: str) -> None:
        self.step = step
        self.cause = cause
        self.cure = cure
        super().__init__(step)

    def __str__(self) -> str:
        return f"failed: {self.step}\n  cause: {self.cause}\n  cure: {self.cure}"
