from __future__ import annotations

import pytest

from metal.host.burn_in import parse_unit
from metal.plan.burn_in import BurnInState, BurnInUnit

# `systemctl show` of systemd 252.
SHOWN = """ExecMainStatus={status}
Description=metalswarm burn-in 0123456789ab
LoadState=loaded
ActiveState={active}
SubState={sub}
Result={result}
"""


@pytest.mark.parametrize(
    ("active", "sub", "result", "status", "state"),
    [("active", "running", "success", 0, BurnInState.RUNNING), ("active", "exited", "success", 0, BurnInState.PASSED),
     ("activating", "start", "success", 0, BurnInState.RUNNING),
     ("deactivating", "stop-sigterm", "success", 0, BurnInState.RUNNING),
     ("failed", "failed", "exit-code", 7, BurnInState.FAILED), ("failed", "failed", "timeout", 15, BurnInState.FAILED)],
)  # fmt: skip
def test_a_unit_is_read(active: str, sub: str, result: str, status: int, state: BurnInState) -> None:
    text = SHOWN.format(active=active, sub=sub, result=result, status=status)
    assert parse_unit(text) == BurnInUnit(state, "0123456789ab", result, status)


@pytest.mark.parametrize(
    "text",
    ["", "LoadState=not-found\nActiveState=inactive\nDescription=metalswarm-burn-in.service\n",
     SHOWN.format(active="inactive", sub="dead", result="success", status=0)],
)  # fmt: skip
def test_one_that_is_gone_is_absent(text: str) -> None:
    assert parse_unit(text) == BurnInUnit(BurnInState.ABSENT)
