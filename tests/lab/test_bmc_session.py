"""Our session against OpenIPMI's BMC: refusals, silence and what they leave behind."""

from __future__ import annotations

import signal
import threading
import time
from dataclasses import replace

import pytest

from metal.bmc import Power
from metal.errors import BmcError, BmcFault
from metal.settings.access import BmcAddress, BmcProtocol
from metal.waiting import Run
from tests.lab.bmc_faults import BlackHole
from tests.lab.bmc_fixtures import make_pool, start_bmc  # noqa: F401
from tests.lab.bmc_simulator import PASSWORD

pytestmark = pytest.mark.root


def fails(pool, address: BmcAddress, seconds: float) -> tuple[BmcError, float]:
    began = time.monotonic()
    with pytest.raises(BmcError) as caught, pool.open(address, deadline=Run().deadline(seconds)):
        pytest.fail("opened")
    return caught.value, time.monotonic() - began


def test_a_hundred_sessions_in_a_row_leave_no_slot(start_bmc):  # noqa: F811
    bmc = start_bmc()
    pool = make_pool()
    for _ in range(100):  # the simulator has 63
        with pool.open(bmc.address, deadline=Run().deadline(5)) as opened:
            assert opened.power() is Power.OFF


def test_seventy_wrong_passwords_leave_no_slot(start_bmc):  # noqa: F811
    bmc = start_bmc()
    for _ in range(70):
        # A run of its own each: within one, a login that was refused is not tried again.
        error, took = fails(make_pool(password="not-the-one"), bmc.address, 5)
        assert error.fault is BmcFault.AUTH
        assert took < 2
    with make_pool().open(bmc.address, deadline=Run().deadline(5)) as opened:
        assert opened.power() is Power.OFF
    assert "metalswarm:bmc-test" in str(error)
    assert "not-the-one" not in str(error)


def test_wrong_user(start_bmc):  # noqa: F811
    error, took = fails(make_pool(user="nobody"), start_bmc().address, 5)
    assert error.fault is BmcFault.AUTH
    assert "does not know the user" in str(error)
    assert took < 2


def test_closed_port_is_refused_at_once(start_bmc):  # noqa: F811
    bmc = start_bmc()
    bmc.stop()
    error, took = fails(make_pool(), bmc.address, 10)
    assert error.fault is BmcFault.UNREACHABLE
    assert took < 2


def test_black_hole_ends_at_the_deadline():
    hole = BlackHole("127.0.9.249")
    address = BmcAddress("n1", hole.address, hole.port, BmcProtocol.IPMI, "test")
    error, took = fails(make_pool(), address, 1.5)
    hole.close()
    assert error.fault is BmcFault.TIMEOUT
    assert 1.4 < took < 4


def test_frozen_bmc_ends_at_the_deadline_and_works_after_it_thaws(start_bmc):  # noqa: F811
    bmc = start_bmc()
    pool = make_pool()
    began = time.monotonic()
    with pool.open(bmc.address, deadline=Run().deadline(2)) as opened:
        assert opened.power() is Power.OFF
        bmc.signal(signal.SIGSTOP)
        with pytest.raises(BmcError) as caught:
            opened.power()
    assert caught.value.fault is BmcFault.TIMEOUT
    assert 1.8 < time.monotonic() - began < 5
    bmc.signal(signal.SIGCONT)
    with pool.open(bmc.address, deadline=Run().deadline(10)) as opened:
        assert opened.power() is Power.OFF


def test_a_short_freeze_is_waited_out(start_bmc):  # noqa: F811
    bmc = start_bmc()
    with make_pool().open(bmc.address, deadline=Run().deadline(10)) as opened:
        bmc.signal(signal.SIGSTOP)
        thaw = threading.Timer(1.0, bmc.signal, [signal.SIGCONT])
        thaw.start()
        assert opened.power() is Power.OFF
        thaw.join()


def test_a_restart_in_the_middle_is_survived(start_bmc):  # noqa: F811
    bmc = start_bmc()
    with make_pool().open(bmc.address, deadline=Run().deadline(15)) as opened:
        assert opened.power() is Power.OFF
        bmc.stop()
        restart = threading.Timer(0.7, bmc.start)
        restart.start()
        opened.power_on()
        restart.join()
        assert opened.power() is Power.ON
    assert bmc.executed[-1] == "power 1"


def test_the_address_may_be_a_name(start_bmc):  # noqa: F811
    bmc = start_bmc()
    address = replace(bmc.address, address="no-such-name.invalid")
    error, _ = fails(make_pool(), address, 5)
    assert error.fault is BmcFault.UNREACHABLE
    assert PASSWORD not in str(error)
