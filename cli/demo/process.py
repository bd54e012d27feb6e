"""Child processes of the demo, which decide themselves how an interrupt ends them."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping, Sequence

from cli.demo.environment import CHECKOUT

__all__ = ["run"]


def run(argv: Sequence[str], *, environment: Mapping[str, str] | None = None, capture: bool = False) -> tuple[int, str]:
    """Run a command in the checkout to its end; returns its exit code and, with `capture`, its standard output.

    Ctrl-C reaches the child from the terminal. This process only waits for it: `subprocess.run` would kill it 0.25 s
    later, an engine in the middle of its orderly end included.

    :raises KeyboardInterrupt: after the child has ended, when there was a Ctrl-C.
    """
    interrupts: list[int] = []
    # A handler, not SIG_IGN: an ignored signal would stay ignored in the child.
    before = signal.signal(signal.SIGINT, lambda number, frame: interrupts.append(number))
    try:
        with subprocess.Popen(
            argv,
            cwd=CHECKOUT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if capture else None,
            text=True,
        ) as child:
            output, _ = child.communicate()
    finally:
        signal.signal(signal.SIGINT, before)
    if interrupts:
        raise KeyboardInterrupt
    return child.returncode, output or ""
