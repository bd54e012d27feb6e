"""Medians, ratios and their limits, as a table."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Figure", "markdown"]


@dataclass(frozen=True)
class Figure:
    """One measured relation.

    :ivar measured: seconds of each run of what is judged.
    :ivar against: seconds of each run of what it is held against, taken in turn with `measured`.
    :ivar factor: largest ratio allowed.
    :ivar allowance: seconds that are added to the limit.
    """

    title: str
    measured: Sequence[float]
    against: Sequence[float]
    factor: float
    allowance: float = 0.0

    @property
    def ratio(self) -> float:
        return statistics.median(self.measured) / statistics.median(self.against)

    @property
    def limit(self) -> float:
        """Seconds that the median of `measured` may take."""
        return self.factor * statistics.median(self.against) + self.allowance

    @property
    def met(self) -> bool:
        return statistics.median(self.measured) <= self.limit

    def rule(self) -> str:
        extra = f" + {self.allowance:g} s" if self.allowance else ""
        return f"at most {self.factor:g} x{extra}"


def markdown(figures: Sequence[Figure]) -> str:
    """A table, one line a figure."""
    lines = [
        "| figure | median | range | against | range | ratio | rule | met |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for figure in figures:
        lines.append(
            f"| {figure.title} | {_median(figure.measured)} | {_range(figure.measured)} | {_median(figure.against)} "
            f"| {_range(figure.against)} | {figure.ratio:.2f} | {figure.rule()} | {'yes' if figure.met else '**no**'} |"
        )
    return "\n".join(lines) + "\n"


def _median(seconds: Sequence[float]) -> str:
    return f"{statistics.median(seconds):.1f} s"


def _range(seconds: Sequence[float]) -> str:
    return f"{min(seconds):.1f}-{max(seconds):.1f} s"
