"""Chassis power as a state to reach: read, act once, read back, confirm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from metal.bmc.failure import failure
from metal.bmc.ipmi.chassis import ChassisControl
from metal.bmc.protocol import Power
from metal.errors import BmcError, BmcFault
from metal.settings.access import BmcAddress
from metal.waiting import Deadline, Pending, wait_until

__all__ = ["Outcome", "PowerSwitch", "switch_cycle", "switch_off", "switch_on"]

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


class PowerSwitch(Protocol):
    address: BmcAddress

    def read(self) -> Power:
        """Power now."""

    def send(self, action: ChassisControl) -> Outcome:
        """Send one control, at most once where a second one would do harm; a refusal or a lost answer is an outcome."""


def switch_on(switch: PowerSwitch, deadline: Deadline) -> None:
    """Reach on; nothing is sent where it is on already.

    :raises BmcError: COMMAND refused each time, NOT_APPLIED not reached.
    """
    _reach(switch, Power.ON, ChassisControl.ON, deadline, [])


def switch_off(switch: PowerSwitch, deadline: Deadline, *, soft: float) -> None:
    """Reach off; nothing is sent where it is off already.

    :param soft: seconds the system gets to stop by itself; 0 cuts power at once. Time for the hard off is kept back.
    :raises BmcError: COMMAND refused each time, NOT_APPLIED not reached.
    """
    tried: list[str] = []
    patience = min(soft, deadline.remaining - min(_HARD_OFF_RESERVE, deadline.remaining / 2))
    if patience > 0 and switch.read() is Power.ON:
        outcome = switch.send(ChassisControl.SOFT_SHUTDOWN)
        tried.append(f"{ChassisControl.SOFT_SHUTDOWN}: {outcome.seen}")
        if not outcome.code:
            if _settled(switch, Power.OFF, deadline.within(patience)):
                return
            tried.append(f"waited {patience:.0f} s for the system to stop: still on")
    _reach(switch, Power.OFF, ChassisControl.OFF, deadline, tried)


def switch_cycle(switch: PowerSwitch, deadline: Deadline) -> None:
    """Off, confirmed, then on, confirmed: an "on" that comes before off is true gets lost on many machines.

    :raises BmcError: COMMAND refused each time, NOT_APPLIED not reached; the machine may be off then.
    """
    switch_off(switch, deadline, soft=0)
    switch_on(switch, deadline)


def _reach(switch: PowerSwitch, wanted: Power, action: ChassisControl, deadline: Deadline, tried: list[str]) -> None:
    refused: int | None = None
    for attempt in range(_ATTEMPTS):
        # Read before each attempt: the answer to the last one may be lost, or the machine just slow.
        if switch.read() is wanted:
            return
        if attempt and deadline.remaining <= _POLL:
            break
        outcome = switch.send(action)
        tried.append(f"{action}: {outcome.seen}")
        refused = outcome.code or None
        if _settled(switch, wanted, deadline.within(_settle_time(outcome))):
            return
        tried.append(f"read back: not {wanted}")
    if refused:
        raise failure(switch.address, BmcFault.COMMAND, f"refuses {action}", tried=tried, seen=tried[-2], code=refused)
    raise failure(
        switch.address,
        BmcFault.NOT_APPLIED,
        f"power is not {wanted}",
        tried=tried,
        seen=f"power {switch.read() if not deadline.passed else 'not ' + wanted}",
    )


def _settle_time(outcome: Outcome) -> float:
    if outcome.code is None:
        return _SETTLE_UNANSWERED
    return _POLL if outcome.code else _SETTLE


class _NotYet(BmcError):
    """The state was not seen in one attempt's time."""


def _settled(switch: PowerSwitch, wanted: Power, limit: Deadline) -> bool:
    def probe() -> bool | Pending:
        power = switch.read()
        return True if power is wanted else Pending(f"power {power}")

    try:
        return wait_until(
            f"power is {wanted}",
            probe,
            deadline=limit,
            fail=lambda what, seen: _NotYet(what, fault=BmcFault.NOT_APPLIED, seen=seen),
            interval=_POLL,
            host=switch.address.host,
        )
    except _NotYet:
        return False
