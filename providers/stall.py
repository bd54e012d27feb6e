"""A failed deletion on the way to a new life, told from the provider's process to the program.

Under continue-on-error the engine (3.259) never answers the registration whose old life could not be deleted, so the
program would wait for ever. The provider sees the failure and sees when nothing else is under way; it then leaves a
note in the project's ignored folder, named by the stack, of which only one update runs at a time.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Stalls", "note_path", "read_note", "stalls"]

# Between the end of one operation and the start of the next that waited for it the engine takes milliseconds.
_QUIET_SECONDS = 3.0
_TICK_SECONDS = 0.25


def note_path(owner: str) -> Path:
    """:param owner: `project/stack`."""
    return Path.cwd() / ".metalswarm" / "run" / f"stalled-{owner.replace('/', '.')}.json"


def read_note(path: Path) -> dict[str, str] | None:
    """The link that each host is stuck at, once nothing else is under way; None until then."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


class Stalls:
    """Counts operations, and writes the note when a host is stuck and all else has come to its end.

    :param quiet: seconds without any operation that count as the end.
    """

    def __init__(self, *, quiet: float = _QUIET_SECONDS) -> None:
        self._quiet = quiet
        self._lock = threading.Lock()
        self._running = 0
        self._begun = 0
        self._stuck: dict[str, str] = {}
        self._watching = False

    @contextmanager
    def operation(self) -> Iterator[None]:
        """Around every create, read, update and delete."""
        with self._lock:
            self._running += 1
            self._begun += 1
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1

    def stuck(self, host: str, link: str, *, note: Path) -> None:
        """The old life of `link` could not be taken down, so the new one will not begin in this run.

        :param note: where to say so, once nothing else is under way.
        """
        with self._lock:
            self._stuck[host] = link
            if self._watching:
                return
            self._watching = True
        threading.Thread(target=self._watch, args=(note,), name="stalls", daemon=True).start()

    def _watch(self, note: Path) -> None:
        tick = threading.Event()
        quiet, begun = 0.0, -1
        while quiet < self._quiet:
            tick.wait(_TICK_SECONDS)
            with self._lock:
                still = self._running == 0 and self._begun == begun
                begun = self._begun
            quiet = quiet + _TICK_SECONDS if still else 0.0
        note.parent.mkdir(parents=True, exist_ok=True)
        fresh = note.with_suffix(f".{os.getpid()}")
        with self._lock:
            fresh.write_text(json.dumps(self._stuck), encoding="utf-8")
        fresh.replace(note)


stalls = Stalls()
