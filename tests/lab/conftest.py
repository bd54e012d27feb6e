"""A lab of the tests' own, beside whatever lab the machine runs."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import IO

import pytest

from lab.api import Lab
from lab.install import missing
from lab.spec import LabSpec
from tests.lab.running_up import RunningUp
from tests.lab.stack import LabStack

_CHECKOUT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class _Slot:
    number: int
    lock: IO[str]


def _free_slot() -> _Slot:
    """A number that no other test run on this machine uses; the kernel frees it when this one dies."""
    for number in range(50):
        path = Path("/run/lock", f"metalswarm-test{number}.slot")
        lock = path.open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        return _Slot(number, lock)
    raise RuntimeError("50 test runs at once on one machine")


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """Six hosts, all off at first; gone at the end, also when a test fails or is interrupted."""
    if os.geteuid() != 0:
        pytest.skip("a lab needs root")
    if lacking := missing():
        pytest.skip(f"a lab needs the Debian packages {' '.join(lacking)}: metalswarm lab install")
    slot = _free_slot()
    number = slot.number
    spec = LabSpec(
        name=f"test{number}",
        subnet=IPv4Network(f"10.78.{number}.0/24"),
        bmc_base=IPv4Address(f"127.3.{number}.0"),
        directory=_CHECKOUT / ".metalswarm" / f"lab-test{number}",
    )
    lab = Lab.from_spec(spec)
    with slot.lock:
        lab.down()
        try:
            lab.up()
            yield lab
        finally:
            lab.down()


@pytest.fixture
def running(stack: LabStack) -> Iterator[list[RunningUp]]:
    """For every `up` that a test starts and does not wait for: ended before the stack of its module is."""
    started: list[RunningUp] = []
    yield started
    for each in started:
        each.end()
