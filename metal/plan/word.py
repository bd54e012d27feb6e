"""What is said of one aspect of one host: in a table, below it, and to a machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Word"]


@dataclass(frozen=True)
class Word:
    """One layer, or one check, of one host.

    :ivar state: a word or two; `-` where there is nothing to look at.
    :ivar good: True as wanted, False where there is something to mend, None where nothing can be said.
    :ivar detail: one line more, for a machine or a closer look.
    :ivar cure: what to do about it, where an error has said that.
    """

    state: str
    good: bool | None = None
    detail: str = ""
    cure: str = ""

    def to_dict(self) -> dict[str, Any]:
        told = {"state": self.state, "good": self.good, "detail": self.detail}
        return told | ({"cure": self.cure} if self.cure else {})
