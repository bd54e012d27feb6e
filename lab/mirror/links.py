"""Links into the cache, that a download under way does not notice the change of."""

from __future__ import annotations

from pathlib import Path

__all__ = ["put_link"]


def put_link(place: Path, target: Path) -> None:
    """Make `place` a link to `target`, at once, whether or not there is one."""
    new = place.with_name(place.name + ".new")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.rename(place)
