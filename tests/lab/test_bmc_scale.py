"""Many BMCs at once through the pool, a fifth of them dead: what `make bench-bmc` measures at 300, in small."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.bmc.__main__ import power_on
from bench.bmc.rack import places

pytestmark = pytest.mark.root


@pytest.mark.demand("U6", "U7", "U8")
def test_dead_bmcs_hold_up_no_healthy_one_and_none_is_told_twice(tmp_path: Path) -> None:
    run = power_on(tmp_path / "rack", places(40, first=156), 20)
    assert run.dead == 8
    assert (run.failed, run.hung) == (0, 0)
    assert set(run.controls) == {1}
    assert len(run.gave_up) == 5
    assert run.slowest < min(run.gave_up)
