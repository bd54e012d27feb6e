from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.metal.bmc.passwords.locking import Bench, LockingBmc, LockingRedfish


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    benches: list[Bench] = []

    def _make(**how: object) -> Bench:
        benches.append(Bench(LockingBmc(**how), tmp_path / str(len(benches))))  # type: ignore[arg-type]
        return benches[-1]

    yield _make
    for bench in benches:
        bench.bmc.close()


@pytest.fixture
def bench(make: Callable[..., Bench]) -> Bench:
    return make()


@pytest.fixture(params=["ipmi", "redfish"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """A BMC over one protocol, then over the other: what a change promises is the same."""
    bmc = LockingBmc() if request.param == "ipmi" else LockingRedfish(tmp_path / "bmc")
    yield Bench(bmc, tmp_path / "records")
    bmc.close()
