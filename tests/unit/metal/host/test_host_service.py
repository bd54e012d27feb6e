from __future__ import annotations

import pytest

from metal.host.service import UnitState, parse_show

RUNNING = """LoadState=loaded
ActiveState=active
SubState=running
UnitFileState=enabled
MainPID=812
NeedDaemonReload=no
"""


def test_a_running_unit() -> None:
    state = parse_show(RUNNING)
    assert state == UnitState("loaded", "active", "running", True, 812, False, False)
    assert state.up
    assert str(state) == "loaded, active (running)"


@pytest.mark.parametrize("active", ["activating", "failed", "inactive", "deactivating", "reloading"])
def test_only_active_is_up(active: str) -> None:
    assert not parse_show(RUNNING.replace("ActiveState=active", f"ActiveState={active}")).up


def test_a_queued_job_and_a_changed_file_show() -> None:
    state = parse_show(RUNNING.replace("Reload=no", "Reload=yes") + "Job=77\n")
    assert state.job
    assert state.stale
    assert not parse_show(RUNNING + "Job=0\n").job


def test_an_unknown_unit_is_not_found() -> None:
    state = parse_show("LoadState=not-found\nActiveState=inactive\nSubState=dead\nUnitFileState=\nMainPID=0\n")
    assert (state.load, state.up, state.enabled) == ("not-found", False, False)
