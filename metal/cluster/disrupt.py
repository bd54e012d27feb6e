"""How an act says that it is about to disrupt its host, and what lies on a host while that lasts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

__all__ = ["DRAINED_NOTE", "Disrupt", "at_once"]

# Called with what is about to happen; inside the block the host is out of service and may be disrupted.
Disrupt = Callable[[str], AbstractContextManager[None]]

# On a host that was drained for a change and has not got its work back.
DRAINED_NOTE = "/var/lib/metalswarm/drained.json"


@contextmanager
def at_once(why: str) -> Iterator[None]:
    """Disrupt without asking anybody: a host that carries nothing."""
    yield
