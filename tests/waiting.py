"""Waiting in tests: for a condition, with a deadline, never by the clock alone."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from metal.errors import MetalError
from metal.waiting import Pending, Run, wait_until

__all__ = ["gone", "hurried", "wait_for"]


def wait_for(what: str, holds: Callable[[], bool], *, seconds: float = 60) -> None:
    """Wait until `holds()`; fails the test after `seconds`."""

    def fail(late: str, seen: str) -> MetalError:
        return MetalError(late, seen=seen)

    wait_until(what, lambda: holds() or Pending("no"), deadline=Run().deadline(seconds), fail=fail, interval=0.05)


def hurried(times: float = 10) -> Run:
    """A run whose clock goes so many times as fast, for what takes seconds of silence."""
    return Run(clock=lambda: time.monotonic() * times)


def gone(pid_file: Path) -> bool:
    """Whether the process whose number is in the file has ended."""
    try:
        os.kill(int(pid_file.read_text()), 0)
    except ProcessLookupError:
        return True
    return False
