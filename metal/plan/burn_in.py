"""What is to be done about a host's burn-in, from what its unit says and what the host has passed. No I/O."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from metal.settings.expectations import BurnIn

__all__ = ["BurnInMove", "BurnInState", "BurnInUnit", "decide_burn_in", "fingerprint"]


class BurnInState(StrEnum):
    """Of the unit on the host."""

    ABSENT = "not there"
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"


@dataclass(frozen=True)
class BurnInUnit:
    """What the host's systemd says of the burn-in.

    :ivar fingerprint: of the command that it is about; empty where it does not tell.
    :ivar result: why it failed, in systemd's word ("exit-code", "timeout", "signal").
    :ivar status: exit status of the command, or the signal that ended it.
    """

    state: BurnInState
    fingerprint: str = ""
    result: str = ""
    status: int = 0


class BurnInMove(StrEnum):
    NOTHING = "nothing"
    START = "start it"
    RESTART = "end what is left of another one, and start it"
    WATCH = "wait for its end"
    NOTE = "note that it has passed"
    TELL = "tell that it has failed"


def fingerprint(wish: BurnIn | None) -> str:
    """What tells one burn-in from another: its command. Another deadline is the same burn-in; empty for none."""
    return hashlib.sha256(wish.command.encode()).hexdigest()[:12] if wish else ""


def decide_burn_in(wanted: str, passed: str, unit: BurnInUnit) -> BurnInMove:
    """The next move.

    A run that is cut short leaves the unit behind: it is found running, passed or failed. A failure is told once, by
    the run that finds it, and the one after it begins anew.

    :param wanted: :func:`fingerprint` of what the settings ask for.
    :param passed: the same of what the host's marker says it has passed in this system.
    """
    if not wanted or wanted == passed:
        return BurnInMove.NOTHING
    if unit.state is BurnInState.ABSENT:
        return BurnInMove.START
    if unit.fingerprint != wanted:
        return BurnInMove.RESTART
    return {
        BurnInState.RUNNING: BurnInMove.WATCH,
        BurnInState.PASSED: BurnInMove.NOTE,
        BurnInState.FAILED: BurnInMove.TELL,
    }[unit.state]
