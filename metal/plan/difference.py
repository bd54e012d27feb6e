"""What a changed wish means for one link of a host's chain: nothing, an update, or a new life of the link."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["BEGUN", "Difference", "compare", "is_in_swarm", "plain", "wants_eviction"]

# Homes of hosts in no cluster: what they are for.
_ALONE = ("free", "ready", "docker")

BEGUN = "begun"
"""Output of a link whose last operation failed on its way: it is updated again, whatever is wanted then."""


@dataclass(frozen=True)
class Difference:
    """The verdict on one link.

    :ivar replaces: names of inputs that ask for a new life of the link, sorted.
    :ivar updates: names of inputs (or drifted outputs) that ask for an update, sorted.
    :ivar reason: why there is no change, where there is none.
    """

    replaces: tuple[str, ...] = ()
    updates: tuple[str, ...] = ()
    reason: str = ""

    @property
    def changes(self) -> bool:
        return bool(self.replaces or self.updates)


def plain(value: Any) -> Any:
    """`value` as it was before the wire: whole floats are ints again, None members of maps and ``__`` keys are gone."""
    if isinstance(value, Mapping):
        return {
            str(key): plain(member)
            for key, member in value.items()
            if member is not None and not str(key).startswith("__")
        }
    if isinstance(value, list | tuple):
        return [plain(member) for member in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def compare(
    seen: Mapping[str, Any],
    wish: Mapping[str, Any],
    *,
    replaces: Collection[str],
    quiet: Collection[str] = (),
    is_unknown: Callable[[Any], bool] = lambda value: False,
    drifted: Collection[str] = (),
) -> Difference:
    """Compare a link's last outputs with its new inputs.

    :param seen: outputs, which echo every input of the last run.
    :param wish: new inputs; members may be unknown during a preview.
    :param replaces: inputs whose change, or unknown value, asks for a new life. An unknown id of the link below is one.
    :param quiet: inputs that follow from another link and never ask for anything by themselves.
    :param drifted: outputs found to differ from what they must be; they ask for an update.
    """
    old, new = plain(seen), plain(wish)
    if new.get("hold"):
        # Under a hold no link below is replaced, so an unknown id is the engine asking what a replacement after the
        # hold takes along; it asks with the inputs stored while the hold was on.
        lost = tuple(sorted(name for name in replaces if is_unknown(new.get(name))))
        return Difference(lost, reason="" if lost else f"on hold: {new['hold']}")
    changed = {
        name
        for name in set(old) | set(new)
        if name in new and name != "hold" and name not in quiet and _differs(old.get(name), new[name], is_unknown)
    }
    # An input that the new program leaves out stays in the old outputs; only a declared one counts as removed.
    changed |= {mark for mark in ("pending", BEGUN) if old.get(mark)}
    changed |= set(drifted)
    lives = tuple(sorted(changed & set(replaces)))
    updates = tuple(sorted(changed - set(replaces)))
    return Difference(lives, updates, "" if changed else "as wanted")


def wants_eviction(seen: Mapping[str, Any], wish: Mapping[str, Any]) -> bool:
    """Whether a membership of a host on hold is still to be ended by the living side; both values as :func:`plain`."""
    return bool(wish.get("hold") and wish.get("evict") and not seen.get("evicted"))


def is_in_swarm(wish: Mapping[str, Any]) -> bool:
    """Whether the link's host is one of a swarm, by the inputs of whichever link: nothing else is ever drained."""
    home = str(wish.get("home", ""))
    return bool(wish.get("cluster") or wish.get("authority") or (home and home not in _ALONE))


def _differs(old: Any, new: Any, is_unknown: Callable[[Any], bool]) -> bool:
    if is_unknown(new):
        return True
    if isinstance(new, dict):
        if not isinstance(old, dict) or set(old) != set(new):
            return True
        return any(_differs(old[key], new[key], is_unknown) for key in new)
    if isinstance(new, list):
        if not isinstance(old, list) or len(old) != len(new):
            return True
        return any(_differs(a, b, is_unknown) for a, b in zip(old, new, strict=True))
    return bool(old != new)
