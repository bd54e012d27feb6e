"""Progress of long steps on stderr: what, how far, how long. Standard output stays free for the answer."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

__all__ = ["Step", "say"]


def say(line: str) -> None:
    """Write one line to stderr."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


class Step:
    """One long step. Use it as a context manager and call :meth:`at` as often as there is news.

    On a terminal the line is rewritten in place; elsewhere a line is written at most every `every` seconds.

    :param what: the step, as a clause ("building pulumi").
    :param every: seconds between two lines where there is no terminal.
    """

    def __init__(
        self,
        what: str,
        *,
        every: float = 15.0,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what = what
        self._every = every
        self._stream = stream or sys.stderr
        self._clock = clock
        self._started = clock()
        self._shown = self._started
        self._terminal = self._stream.isatty()

    def __enter__(self) -> Self:
        self._line(f"{self._what} ...")
        return self

    def at(self, how_far: str) -> None:
        """Show how far the step is."""
        now = self._clock()
        pause = 0.2 if self._terminal else self._every
        if now - self._shown < pause:
            return
        self._shown = now
        text = f"{self._what}: {how_far}, {now - self._started:.0f} s"
        if self._terminal:
            self._stream.write(f"\r\x1b[K{text}")
            self._stream.flush()
        else:
            self._line(text)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._terminal:
            self._stream.write("\r\x1b[K")
        outcome = "done" if kind is None else "failed"
        self._line(f"{self._what}: {outcome}, {self._clock() - self._started:.0f} s")

    def _line(self, text: str) -> None:
        self._stream.write(text + "\n")
        self._stream.flush()
