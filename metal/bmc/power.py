"""Chassis power as a state to reach: read, act once, read back, confirm."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from metal.bmc.failure import failure
from metal.bmc.ipmi.chassis import ChassisControl
from metal.bmc.protocol import Power
from metal.errors import BmcError, BmcFault
from metal.settings.access import BmcAddress
from metal.waiting import Deadline, Pending, wait_until

__all__ = ["Between", "Outcome", "PowerSwitch", "settled_power", "switch_cycle", "switch_off", "switch_on"]

# A machine that is told twice does no harm (its state is read before each), one that is told for ever hides a fault.
_ATTEMPTS = 3
# Seconds one attempt may take to show: power supplies and BMCs' own polling are slow.
_SETTLE = 20.0
# The same where no answer came: most likely the control never arrived.
_SETTLE_UNANSWERED = 5.0
_POLL = 1.0
# Kept back from a soft shutdown's time, so that the hard off after it can be confirmed.
_HARD_OFF_RESERVE = 15.0


@dataclass(frozen=True)
class Outcome:
    """What came of sending one control.

    :ivar seen: in words.
    :ivar code: completion code of a refusal, 0 if accepted, None if no answer came: then only the state can tell.
    """

    seen: str
    code: int | None


@dataclass(frozen=True)
class Between:
    """A power state that is neither on nor off.

    :ivar seen: the BMC's word for it.
    :ivar towards: what it becomes if it is waited for; None where nothing says so.
    """

    seen: str
    towards: Power | None = None

    def __str__(self) -> str:
        return self.seen


class PowerSwitch(Protocol):
    address: BmcAddress

    def read(self) -> Power | Between:
        """Power now."""

    def send(self, action: ChassisControl) -> Outcome:
        """Send one control, at most once where a second one would do harm; a refusal or a lost answer is an outcome."""


def switch_on(switch: PowerSwitch, deadline: Deadline) -> None:
    """Reach on; nothing is sent where it is on already.

    :raises BmcError: COMMAND refused each time, NOT_APPLIED not reached.
    """
    now = _settle(switch, deadline)
    if isinstance(now, Between):
        # An "on" would not be heard, and a restart may cost a system that is only held: that is for a person to say.
        raise _undecided(switch, now)
    _reach(switch, Power.ON, ChassisControl.ON, deadline, [], now=now)


def settled_power(switch: PowerSwitch, deadline: Deadline) -> Power:
    """Power now; a state on its way to on or off is waited for, for some seconds.

    :raises BmcError: NOT_APPLIED with a plan: the state is neither on nor off and stays so.
    """
    now = _settle(switch, deadline)
    if isinstance(now, Between):
        raise _undecided(switch, now)
    return now


def switch_off(switch: PowerSwitch, deadline: Deadline, *, soft: float) -> None:
    """Reach off; nothing is sent where it is off already.

    :param soft: seconds the system gets to stop by itself; 0 cuts power at once. Time for the hard off is kept back.
    :raises BmcError: COMMAND refused each time, NOT_APPLIED not reached.
    """
    tried: list[str] = []
    patience = min(soft, deadline.remaining - min(_HARD_OFF_RESERVE, deadline.remaining / 2))
    now = switch.read() if patience > 0 else None
    if isinstance(now, Between) and now.towards is Power.OFF:
        if _settled(switch, Power.OFF, deadline, patience):
            return
        tried.append(f"waited {patience:.0f} s: still {now}")
    elif now is Power.ON:
        outcome = switch.send(ChassisControl.SOFT_SHUTDOWN)
        tried.append(f"{ChassisControl.SOFT_SHUTDOWN}: {outcome.seen}")
        if outcome.code is None:
            _await_answer(switch, deadline)
        if not outcome.code:
            if _settled(switch, Power.OFF, deadline, patience):
                return
            tried.append(f"waited {patience:.0f} s for the system to stop: still on")
    _reach(switch, Power.OFF, ChassisControl.OFF, deadline, tried)


def switch_cycle(switch: PowerSwitch, deadline: Deadline) -> None:
    """Off, confirmed, then on, confirmed: an "on" that comes before off is true gets lost on many machines.

    :raises BmcError: COMMAND refused each time, NOT_APPLIED not reached; the machine may be off then.
    """
    switch_off(switch, deadline, soft=0)
    switch_on(switch, deadline)


def _reach(
    switch: PowerSwitch,
    wanted: Power,
    action: ChassisControl,
    deadline: Deadline,
    tried: list[str],
    *,
    now: Power | None = None,
) -> None:
    """:param now: the state, where it was read a moment ago."""
    refused: int | None = None
    for attempt in range(_ATTEMPTS):
        if attempt and deadline.remaining <= _POLL:
            break
        # Read before each attempt: the answer to the last one may be lost, or the machine just slow.
        if (now or switch.read()) is wanted:
            return
        now = None
        outcome = switch.send(action)
        tried.append(f"{action}: {outcome.seen}")
        refused = outcome.code or None
        if outcome.code is None:
            # It may restart, and what came of the control is not known: nothing is sent before it has told its state.
            _await_answer(switch, deadline)
        if _settled(switch, wanted, deadline, _settle_time(outcome)):
            return
        tried.append(f"read back: not {wanted}")
    if refused:
        raise failure(switch.address, BmcFault.COMMAND, f"refuses {action}", tried=tried, seen=tried[-2], code=refused)
    raise failure(
        switch.address,
        BmcFault.NOT_APPLIED,
        f"power is not {wanted}",
        tried=tried,
        seen=f"power {_last_look(switch, deadline) or ('off' if wanted is Power.ON else 'on')}",
    )


def _await_answer(switch: PowerSwitch, deadline: Deadline) -> None:
    """Return when the BMC answers again.

    :raises BmcError: TIMEOUT at the deadline.
    """
    last: list[BmcError] = []

    def probe() -> bool | Pending:
        try:
            switch.read()
        except BmcError as error:
            if error.fault not in (BmcFault.TIMEOUT, BmcFault.UNREACHABLE, BmcFault.NO_SLOT):
                raise
            last[:] = [error]
            return Pending(error.seen or error.what)
        return True

    wait_until(
        "its BMC answers again",
        probe,
        deadline=deadline,
        fail=lambda late, seen: failure(
            switch.address,
            BmcFault.TIMEOUT,
            f"went silent in the middle of a power command, which may have been carried out; {late}",
            tried=last[0].tried if last else (),
            seen=seen,
            next_step="wait until the BMC answers again (a restart takes one or two minutes), then run again: the "
            "power state is read before anything is sent",
        ),
        interval=_POLL,
        host=switch.address.host,
    )


def _last_look(switch: PowerSwitch, deadline: Deadline) -> Power | Between | None:
    """For an error that is due: None where there is no time for it."""
    try:
        return None if deadline.passed else switch.read()
    except BmcError as error:
        if error.fault is BmcFault.TIMEOUT:
            return None
        raise


def _settle_time(outcome: Outcome) -> float:
    if outcome.code is None:
        return _SETTLE_UNANSWERED
    return _POLL if outcome.code else _SETTLE


def _settle(switch: PowerSwitch, deadline: Deadline) -> Power | Between:
    """The state when it has stopped moving; what still moves after one attempt's time is returned as it is."""
    seen: list[Power | Between] = []

    def probe() -> bool | Pending:
        now = switch.read()
        seen[:] = [now]
        moves = isinstance(now, Between) and now.towards is not None
        return Pending(f"power {now}") if moves else True

    with suppress(_NotYet):
        wait_until(
            "power has settled",
            probe,
            deadline=deadline.within(_SETTLE),
            fail=lambda late, last: _NotYet(late, fault=BmcFault.NOT_APPLIED, seen=last),
            interval=_POLL,
            host=switch.address.host,
        )
    return seen[0]


def _undecided(switch: PowerSwitch, state: Between) -> BmcError:
    return failure(
        switch.address,
        BmcFault.NOT_APPLIED,
        f"power state is {state.seen}, neither on nor off",
        seen=f"power {state.seen}",
        next_step="look at the machine's console: firmware that waits there (a UEFI shell, a held boot) hears no `on`. "
        "If nothing on it is worth keeping, switch it off by hand or through its BMC (off is obeyed in this state), "
        "then run again",
    )


class _NotYet(BmcError):
    """The state was not seen in one attempt's time."""


def _settled(switch: PowerSwitch, wanted: Power, deadline: Deadline, seconds: float) -> bool:
    limit = deadline.within(seconds)

    def probe() -> bool | Pending:
        try:
            power = switch.read()
        except BmcError as error:
            # Too late for an answer is no word about the BMC.
            if error.fault is BmcFault.TIMEOUT and deadline.remaining <= _POLL:
                return Pending("no time left to ask")
            raise
        return True if power is wanted else Pending(f"power {power}")

    try:
        return wait_until(
            f"power is {wanted}",
            probe,
            deadline=limit,
            fail=lambda late, seen: _NotYet(late, fault=BmcFault.NOT_APPLIED, seen=seen),
            interval=_POLL,
            host=switch.address.host,
        )
    except _NotYet:
        return False
