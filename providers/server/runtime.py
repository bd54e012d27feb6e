"""What a provider class can ask of the server that runs it: cancel, progress, the resource at hand.

Works without our server too (under the stock one, or in a plain process): nothing is ever cancelled, progress goes to
stderr, and :func:`is_ours` says so. Importing this needs neither Pulumi nor gRPC.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["at_exit", "cancel_event", "current_urn", "is_orphaned", "is_ours", "progress", "warn"]

Teller = Callable[[str | None, str], bool]

_cancelled = threading.Event()
_orphaned = threading.Event()
_urn: ContextVar[str | None] = ContextVar("urn", default=None)
_cleanups: list[Callable[[], None]] = []
_lock = threading.Lock()
_teller: Teller | None = None
_warner: Teller | None = None


def cancel_event() -> threading.Event:
    """The event that is set when the engine cancels or the server has to end. Waits observe it."""
    return _cancelled


def is_orphaned() -> bool:
    """Whether the server ends because its engine died; False where somebody asked it to stop."""
    return _orphaned.is_set()


def current_urn() -> str | None:
    """The URN of the resource whose request this thread handles, or None outside a request."""
    return _urn.get()


def is_ours() -> bool:
    """Whether this process is our provider server; False under the stock one, which runs 4 operations at a time."""
    return _teller is not None


def progress(line: str) -> None:
    """Show one line on the current resource while the operation runs; on stderr where there is no engine."""
    if _teller is None or not _teller(_urn.get(), line):
        sys.stderr.write(line + "\n")


def warn(line: str) -> None:
    """Keep one line as a warning of the current resource; on stderr where there is no engine."""
    if _warner is None or not _warner(_urn.get(), line):
        sys.stderr.write(line + "\n")


def at_exit(callback: Callable[[], None]) -> None:
    """Have `callback` called once before the server ends, the latest registered first. It must be quick (1 s)."""
    with _lock:
        _cleanups.append(callback)


def serve_with(teller: Teller, warner: Teller) -> None:
    """For the server only: say that this process is ours, and how progress and warnings reach the engine."""
    global _teller, _warner
    _teller, _warner = teller, warner


def note_orphaned() -> None:
    """For the server only: the engine has died."""
    _orphaned.set()


@contextmanager
def resource(urn: str | None) -> Iterator[None]:
    """For the server only: handle the request of `urn` inside the block."""
    token = _urn.set(urn or None)
    try:
        yield
    finally:
        _urn.reset(token)


def take_cleanups() -> list[Callable[[], None]]:
    """For the server only: the callbacks of :func:`at_exit`, the latest first; each is handed out once."""
    with _lock:
        taken = list(reversed(_cleanups))
        _cleanups.clear()
    return taken
