from __future__ import annotations

from pathlib import Path

import pytest

from metal.plan.burn_in import BurnInMove, BurnInState, BurnInUnit, decide_burn_in, fingerprint
from metal.plan.quorum import membership
from metal.plan.rolling import pools_of, rolling, wave_lines
from metal.settings.expectations import BurnIn
from tests.unit.small_fleet import document, small_fleet


@pytest.mark.parametrize(
    ("wanted", "passed", "unit", "move"),
    [("", "", BurnInUnit(BurnInState.ABSENT), BurnInMove.NOTHING),
     ("a", "a", BurnInUnit(BurnInState.ABSENT), BurnInMove.NOTHING),
     ("a", "a", BurnInUnit(BurnInState.RUNNING, "b"), BurnInMove.NOTHING),
     ("a", "", BurnInUnit(BurnInState.ABSENT), BurnInMove.START),
     ("a", "b", BurnInUnit(BurnInState.ABSENT), BurnInMove.START),
     ("a", "", BurnInUnit(BurnInState.RUNNING, "a"), BurnInMove.WATCH),
     ("a", "", BurnInUnit(BurnInState.PASSED, "a"), BurnInMove.NOTE),
     ("a", "", BurnInUnit(BurnInState.FAILED, "a"), BurnInMove.TELL),
     *(("a", "", BurnInUnit(state, "b"), BurnInMove.RESTART) for state in list(BurnInState)[1:])],
)  # fmt: skip
def test_it_runs_once_and_what_an_earlier_run_left_is_taken_up(wanted, passed, unit, move) -> None:
    assert decide_burn_in(wanted, passed, unit) is move


def test_another_deadline_is_the_same_burn_in_and_another_command_is_not() -> None:
    one = fingerprint(BurnIn("stress-ng", 60))
    assert one == fingerprint(BurnIn("stress-ng", 90))
    assert one != fingerprint(BurnIn("memtester", 60))
    assert fingerprint(None) == ""


def test_a_preview_tells_the_waves_in_which_members_are_burned_in(tmp_path: Path) -> None:
    plain = small_fleet(tmp_path)
    assert "burn_in" not in rolling(plain, "blue"), "a plan from before keeps its inputs"
    wanted = document()
    wanted["pools"]["core"]["ready"] = {"burn_in": {"command": "stress-ng"}}
    fleet = small_fleet(tmp_path, wanted)
    before, after = rolling(plain, "blue"), rolling(fleet, "blue")
    members = membership(plain, "blue")
    lines = wave_lines(members, members, before, after, pools_of(fleet, "blue"))
    assert lines == ("burned in, unless they have passed it, drained, in waves: n1; n2",)
    assert wave_lines(members, members, after, after, pools_of(fleet, "blue")) == ()
    assert wave_lines(members, members, after, before, pools_of(fleet, "blue")) == ()
