"""Child processes of the demo: an order to end is passed on to them, and they are waited for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

from cli.demo.environment import CHECKOUT

__all__ = ["run"]

_ORDERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# An engine cancels what it waits for, lets acts under way end, and writes its state.
_PATIENCE_SECONDS = 60.0
# `timeout` and `make` both send the signal that they got to their own child and to its group: that is one order. A
# person who presses Ctrl-C again is slower, and means it: the engine then ends at once.
_SAME_ORDER_SECONDS = 1.0


def run(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    capture: bool = False,
    patience: float = _PATIENCE_SECONDS,
) -> tuple[int, str]:
    """Run a command in the checkout to its end; returns its exit code and, with `capture`, its standard output.

    SIGINT, SIGTERM and SIGHUP go on to the child and to what it started, each order once, whether a terminal or a
    program sent it; a signal that was ignored stays so.

    :param patience: seconds from the first such signal after which a child that goes on is killed.
    :raises SystemExit: after the child has ended, with 128 and the number of the first signal, as of a command that
        the signal itself ended.
    """
    orders = _Orders(patience)
    with (
        orders.heard(),
        subprocess.Popen(
            argv,
            cwd=CHECKOUT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if capture else None,
            text=True,
            # Its own, so that a terminal's Ctrl-C does not come to it twice.
            process_group=0,
        ) as child,
    ):
        orders.go_to(child)
        output, _ = child.communicate()
    if orders.first is not None:
        sys.stderr.write(f"\nended by {orders.first.name}; run it again, it resumes\n")
        raise SystemExit(128 + orders.first)
    return child.returncode, output or ""


class _Orders:
    """The signals to end that came while a child ran.

    :ivar first: None where there was none.
    """

    def __init__(self, patience: float) -> None:
        self.first: signal.Signals | None = None
        self._child: subprocess.Popen[str] | None = None
        self._came: float | None = None
        self._end = threading.Timer(patience, self._kill)
        self._end.daemon = True

    @contextmanager
    def heard(self) -> Iterator[None]:
        heeded = [number for number in _ORDERS if signal.getsignal(number) is not signal.SIG_IGN]
        # A handler, not SIG_IGN: an ignored signal would stay ignored in the child.
        before = {number: signal.signal(number, self._take) for number in heeded}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            self._end.cancel()

    def go_to(self, child: subprocess.Popen[str]) -> None:
        self._child = child
        if self.first is not None:
            self._send(self.first)

    def _take(self, number: int, frame: FrameType | None) -> None:
        # The next signal may come in the middle of this, so what it looks at is set first.
        before, self._came = self._came, time.monotonic()
        if before is not None and self._came - before < _SAME_ORDER_SECONDS:
            return
        if self.first is None:
            self.first = signal.Signals(number)
            self._end.start()
        self._send(number)

    def _kill(self) -> None:
        sys.stderr.write("\nit goes on in spite of the signal; killing it\n")
        self._send(signal.SIGKILL)

    def _send(self, number: int) -> None:
        child = self._child
        if child is not None and child.returncode is None:
            os.killpg(child.pid, number)
