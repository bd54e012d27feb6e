"""What a look at a range leaves for a person to decide, after what was written. No I/O."""

from __future__ import annotations

from pathlib import Path

from metal.discover.discover import Discovery
from metal.discover.match import Match, Verdict
from metal.discover.write import Written

__all__ = ["is_moved", "left"]


def left(found: Discovery, written: Written, *, to: Path | None) -> tuple[Match, ...]:
    """Those of the found that are left to be decided; none where the inventory says of each what was seen of it.

    A BMC that answers where the inventory has one, and that nobody was to log in to, counts as the one it has.

    :param to: the file that new entries were written to; None for none.
    """
    return tuple(each for each in found.matches if _is_left(each, written, to))


def is_moved(match: Match, written: Written) -> bool:
    """Whether its new address was written down."""
    return match.known is not None and match.known.host in written.moved


def _is_left(match: Match, written: Written, to: Path | None) -> bool:
    if match.found.trouble:
        return True
    if match.verdict is Verdict.NEW:
        return to is None or match.found.place not in written.names
    return match.asks and not is_moved(match, written)
