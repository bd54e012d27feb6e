"""Whether the provider's process lives, told to the program.

A server that dies while it takes an old life down leaves a registration that the engine (3.259) never answers, as
`providers.stall` says of a failed deletion; only here nobody is left to leave a note. So the server holds a lock for as
long as it lives, which the kernel takes back however it ends, and the program looks at it.
"""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path
from typing import IO

__all__ = ["Presence", "has_died", "presence", "presence_path"]


def presence_path(owner: str) -> Path:
    """:param owner: `project/stack`, of which only one update runs at a time."""
    return Path.cwd() / ".metalswarm" / "run" / f"server-{owner.replace('/', '.')}.lock"


def has_died(path: Path) -> bool:
    """Whether a server began to act in this run and has ended; False before its first act."""
    try:
        with path.open("rb") as held:
            fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return True
    except (FileNotFoundError, BlockingIOError):
        return False


class Presence:
    """Holds the lock from the first act to the end of this process. The file stays; the next program takes it away."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: IO[bytes] | None = None

    def announce(self, path: Path) -> None:
        """Called before every act that changes something; a preview never gets here, so it takes no update's place."""
        with self._lock:
            if self._held is not None:
                return
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = path.with_suffix(f".{os.getpid()}")
            held = fresh.open("wb")
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fresh.replace(path)  # locked before anybody sees it
            self._held = held


presence = Presence()
