"""The change is killed before and after everything it does outside itself; then it is called again."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from metal.bmc.passwords.record import Phase
from metal.errors import BmcError
from tests.unit.metal.bmc.passwords.killing import killed_at
from tests.unit.metal.bmc.passwords.locking import NEW, OLD, Bench, LockingBmc, LockingRedfish

pytestmark = pytest.mark.demand("U35")

Fresh = Callable[[], AbstractContextManager[Bench]]
_folders = itertools.count()


@pytest.fixture(params=["ipmi", "redfish"])
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Fresh:
    return lambda: anew(tmp_path / f"walk-{next(_folders)}", request.param)


@contextmanager
def anew(folder: Path, protocol: str) -> Iterator[Bench]:
    bench = Bench(LockingBmc() if protocol == "ipmi" else LockingRedfish(folder / "bmc"), folder / "records")
    try:
        yield bench
    finally:
        bench.bmc.close()


def check(bench: Bench, told: str) -> None:
    """Old or new works, the record says which or that it is one of the two, and nothing is locked."""
    assert bench.bmc.password in (OLD, NEW), told
    assert not bench.bmc.locked, told
    change = bench.records.read(bench.address)
    if change is None:
        assert bench.bmc.password == OLD, told
    elif change.phase is Phase.CHANGED:
        assert bench.bmc.password == NEW, told


def finish(bench: Bench) -> None:
    """Call it again as a person would: as it is, and with `--again` only where it says so."""
    refused = ""
    try:
        bench.change()
    except BmcError as error:
        refused = str(error)
    if refused:
        assert "--again" in refused
        assert not bench.bmc.locked
        bench.bmc.end_lock_out()  # the wait that the error asks for
        bench.change(again=True)
    assert bench.bmc.password == NEW
    assert bench.power() == "off"


def test_killed_at_every_boundary_the_next_call_finishes(fresh):
    for boundary in itertools.count(1):
        with fresh() as bench:
            if not killed_at(bench, boundary):
                assert bench.bmc.password == NEW
                break
            check(bench, f"boundary {boundary}")
            before = bench.bmc.wrong
            bench.change()  # one kill never needs `--again`, nor
            assert bench.bmc.wrong <= before + 1  # more than one guess
            assert bench.bmc.password == NEW
            assert bench.power() == "off"
    assert boundary > 9


def walk_pair(bench: Bench, first: int, second: int) -> bool:
    """Two kills, then the end; False where the second call ended before its boundary."""
    assert killed_at(bench, first)
    again = killed_at(bench, second)
    check(bench, f"boundaries {first}, {second}")
    finish(bench)
    return again


def test_killed_twice_it_neither_locks_nor_loses_the_password(fresh):
    chance = random.Random(35)
    for _ in range(10):
        with fresh() as bench:
            walk_pair(bench, chance.randint(1, 9), chance.randint(1, 9))


@pytest.mark.full
def test_killed_twice_at_any_two_boundaries(fresh):
    pairs = 0
    for first in itertools.count(1):
        with fresh() as bench:
            if not killed_at(bench, first):
                break
        for second in itertools.count(1):
            pairs += 1
            with fresh() as bench:
                if not walk_pair(bench, first, second):
                    break
    assert pairs > 80


@pytest.mark.full
def test_killed_over_and_over_at_the_same_boundary_it_never_locks_the_account(fresh):
    for boundary in itertools.count(1):
        with fresh() as bench:
            if not killed_at(bench, boundary):
                break
            for _ in range(5):
                killed_at(bench, boundary)
                check(bench, f"boundary {boundary}")
            finish(bench)
