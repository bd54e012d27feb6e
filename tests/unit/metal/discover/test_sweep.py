"""Pings to 250 addresses of loopback, 20 of them BMCs: counted, and on a clock that says how long it would take."""

from __future__ import annotations

import threading
import time

import pytest

from metal.discover.ranges import parse_ranges
from metal.discover.sweep import sweep
from metal.errors import Cancelled
from metal.waiting import Run
from tests.unit.metal.discover.rack import PingRack

ALL = [f"127.0.131.{number}" for number in range(1, 251)]
BMCS = ALL[5::12][:20]


@pytest.fixture
def rack():
    made = PingRack(BMCS)
    yield made
    made.close()


def test_every_bmc_is_found_and_nobody_is_pinged_more_than_twice(rack: PingRack) -> None:
    found = sweep(ALL, rack.port, run=Run(), rate=2000, patience=1.0)
    assert sorted(found.pongs) == sorted(BMCS)
    assert all(pong.ipmi for pong in found.pongs.values())
    # Who answered the first time is not asked again, as far as its answer was in time.
    assert len(ALL) + len(ALL) - len(BMCS) <= found.sent <= 2 * len(ALL)
    assert max(rack.pings.values()) <= 2


@pytest.mark.demand("R3")
def test_bmcs_at_ipv6_addresses_are_found_beside_others() -> None:
    both = PingRack(["127.0.131.6", "::1"])
    try:
        found = sweep(parse_ranges(["127.0.131.5-127.0.131.7", "::1/128"]), both.port, run=Run(), rate=2000)
    finally:
        both.close()
    assert sorted(found.pongs) == ["127.0.131.6", "::1"]
    assert all(pong.ipmi for pong in found.pongs.values())


def test_the_time_is_that_of_two_rounds_and_not_of_one_address_after_the_other(rack: PingRack) -> None:
    run = Run()
    began = run.clock()
    sweep(ALL, rack.port, run=run, rate=2000, patience=0.5)
    # 2 x (250 / 2000 + 0.5) = 1.25 s; one address after the other would be 115 s or more.
    assert run.clock() - began < 30


def test_the_rate_is_kept() -> None:
    run = Run()
    began = run.clock()
    found = sweep(ALL[:40], 1, run=run, rate=100, patience=0, rounds=1)
    assert found.sent == 40
    assert run.clock() - began >= 0.39


def test_a_lost_ping_is_sent_again() -> None:
    rack = PingRack(BMCS[:3], deaf=1)
    try:
        found = sweep(BMCS[:3], rack.port, run=Run(), rate=1000, patience=0.3)
        assert (sorted(found.pongs), found.sent) == (sorted(BMCS[:3]), 6)
        assert sweep(BMCS[:3], rack.port, run=Run(), rate=1000, patience=5).sent == 3, "all have answered"
    finally:
        rack.close()


def test_what_is_no_pong_is_no_bmc() -> None:
    rack = PingRack(BMCS[:1], noise=b"\x06\x00\xff\x07 hello")
    try:
        assert list(sweep(BMCS[:2], rack.port, run=Run(), rate=1000, patience=0.5).pongs) == BMCS[:1]
    finally:
        rack.close()


def test_an_answer_from_elsewhere_does_not_count(rack: PingRack) -> None:
    """Who is in the range and does not answer is not made up for by others."""
    assert sweep(ALL[:3], rack.port, run=Run(), rate=1000, patience=0.2).pongs == {}


def test_a_cancel_ends_it_at_once() -> None:
    run = Run()
    threading.Timer(0.2, run.cancel.set).start()
    began = time.monotonic()
    with pytest.raises(Cancelled):
        sweep(ALL, 1, run=run, rate=1, patience=60)
    assert time.monotonic() - began < 30
