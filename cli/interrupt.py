"""Ctrl-C ends a command at its next wait, and not in the middle of what it does."""

from __future__ import annotations

import signal

import typer

from metal.waiting import Run

__all__ = ["begin_run"]


def begin_run(*, tells: bool = True) -> Run:
    """A run that Ctrl-C cancels.

    :param tells: its progress goes to standard error.
    """
    run = Run(progress=lambda line: typer.echo(line, err=True)) if tells else Run()
    signal.signal(signal.SIGINT, lambda *_: run.cancel.set())
    return run
