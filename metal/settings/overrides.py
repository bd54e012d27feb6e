"""The rules that a cluster's settings can waive, by name."""

from __future__ import annotations

from collections.abc import Sequence

from metal.settings.problems import Path, Problems

__all__ = ["OVERRIDES", "check_overrides"]

# The names of `metal.plan.quorum.Rule`; a test holds the two together.
OVERRIDES = ("address", "birth", "identity", "last", "needed", "quorum", "tolerance", "voters")


def check_overrides(path: Path, given: Sequence[str], problems: Problems) -> None:
    """Add a line for every name that is no rule or is given twice."""
    for at, name in enumerate(given):
        if name not in OVERRIDES:
            problems.unknown((*path, at), name, OVERRIDES, "rule")
        elif name in given[:at]:
            problems.add((*path, at), "is given twice", "each rule once", value=name)
