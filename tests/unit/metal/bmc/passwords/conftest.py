from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.metal.bmc.passwords.locking import Bench, LockingBmc


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
