"""The end of the server: on a signal, or with the engine, promptly and cleaned up."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

from providers.server import runtime

__all__ = ["Ending"]

_GRACE = 0.8
_CLEANUP = 2.0


class Ending:
    """Ends this process once, whichever of a signal and the engine's death comes first.

    :param wait_idle: waits at most the given seconds until no operation runs.
    """

    def __init__(self, wait_idle: Callable[[float], bool]) -> None:
        self._wait_idle = wait_idle
        self._lock = threading.Lock()

    def on_signals(self) -> None:
        """End on SIGINT and SIGTERM. The engine kills what has not ended 5 s after SIGINT."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._signalled)

    def with_engine(self) -> None:
        """End when the parent process does: operations of a killed engine must not meet those of the next run."""
        threading.Thread(target=self._follow, args=(os.getppid(),), name="engine-watch", daemon=True).start()

    def end(self) -> None:
        """Cancel what waits, give it a moment to return, clean up, and exit."""
        if not self._lock.acquire(blocking=False):
            return
        runtime.cancel_event().set()
        self._wait_idle(_GRACE)
        worker = threading.Thread(target=_clean_up, daemon=True)
        worker.start()
        worker.join(_CLEANUP)
        sys.stderr.flush()
        os._exit(0)

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        # Not in the handler itself: it runs on top of whatever the main thread holds.
        threading.Thread(target=self.end, name="ending").start()

    def _follow(self, engine: int) -> None:
        try:
            handle = os.pidfd_open(engine)
        except (AttributeError, OSError):
            never = threading.Event()
            while os.getppid() == engine:
                never.wait(1.0)
        else:
            select.select([handle], [], [])
        runtime.note_orphaned()
        self.end()


def _clean_up() -> None:
    for callback in runtime.take_cleanups():
        try:
            callback()
        except Exception as error:
            sys.stderr.write(f"cleaning up: {error}\n")
