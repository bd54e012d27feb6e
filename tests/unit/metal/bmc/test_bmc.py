"""Power and boot device as states to reach, on a small BMC with faults."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager

import pytest

from lab.faults.rule import Action, Rule
from metal.bmc import BmcPool, BootDevice, BootTarget, Power
from metal.bmc.protocol import BmcIdentity
from metal.errors import BmcError, BmcFault, Cancelled
from metal.settings.credentials import BmcLogin
from metal.waiting import Run
from tests.unit.metal.bmc.conftest import PASSWORD, USER, OneLogin, address_of
from tests.waiting import hurried

OFF, ON, SOFT = 0, 1, 5


@pytest.fixture
def opened(start, pool):
    """(responder, bmc) with the given temper, for one block."""

    @contextmanager
    def _opened(seconds=20.0, run=None, **temper):
        responder = start(**temper)
        with pool.open(address_of(responder), deadline=(run or Run()).deadline(seconds)) as bmc:
            yield responder, bmc

    return _opened


@pytest.mark.demand("U14", "U15")
def test_on_and_off_act_once_and_then_not_at_all(opened):
    with opened() as (responder, bmc):
        for _ in range(2):
            bmc.power_on()
            assert bmc.power() is Power.ON
        for _ in range(2):
            bmc.power_off(soft=0)
            assert bmc.power() is Power.OFF
        assert responder.executed == [ON, OFF]


def test_soft_shutdown_suffices_where_the_system_obeys(opened):
    with opened() as (responder, bmc):
        responder.power = 1
        bmc.power_off(soft=10)
        assert responder.executed == [SOFT]


def test_hard_off_follows_a_soft_shutdown_that_the_system_ignores(opened):
    with opened(deaf_power=1) as (responder, bmc):
        responder.power = 1
        began = time.monotonic()
        bmc.power_off(soft=1)
        assert time.monotonic() - began < 6
        assert responder.executed == [OFF]


def test_soft_time_leaves_room_for_the_hard_off(opened):
    with opened(seconds=3, deaf_power=1) as (responder, bmc):
        responder.power = 1
        bmc.power_off(soft=600)
        assert responder.executed == [OFF]


@pytest.mark.demand("U13")
def test_cycle_is_off_then_on(opened):
    with opened() as (responder, bmc):
        responder.power = 1
        bmc.power_cycle()
        assert responder.executed == [OFF, ON]
        assert responder.power == 1


def test_on_waits_for_a_late_state(opened):
    with opened(lag=2) as (responder, bmc):
        bmc.power_on()
        assert responder.executed == [ON]


def test_power_that_never_comes_is_an_error_with_the_attempts(opened):
    with opened(seconds=3, deaf_power=100) as (responder, bmc):
        with pytest.raises(BmcError) as caught:
            bmc.power_on()
        assert caught.value.fault is BmcFault.NOT_APPLIED
        assert "chassis control on: accepted" in str(caught.value)
        assert "power off" in caught.value.seen
        assert responder.executed == []


def test_a_lost_answer_to_off_is_settled_by_reading_the_state(start, pool):
    """The control arrives, its answer does not: it must not be sent again."""
    responder = start()
    responder.power = 1
    responder.faults.set(Rule("ask:control:*", Action.RESTART))
    with pool.open(address_of(responder), deadline=hurried().deadline(100)) as bmc:
        bmc.power_off(soft=0)
        assert bmc.power() is Power.OFF
    assert responder.executed == [OFF]


def test_a_busy_bmc_is_asked_again(opened):
    with opened(busy=2) as (_, bmc):
        assert bmc.power() is Power.OFF


def test_a_bmc_that_forgot_the_session_gets_a_new_one(start):
    run, responder = hurried(), start()
    pool = BmcPool(OneLogin(BmcLogin(USER, PASSWORD)), sessions=1, per_subnet=1, interval=0, patience=300)
    with pool.open(address_of(responder), deadline=run.deadline(600)) as bmc:
        assert bmc.power() is Power.OFF
        responder.forget_sessions()
        responder.power = 1
        began = run.clock()
        assert bmc.power() is Power.ON
        assert run.clock() - began < 150, "long before it is given up"


@pytest.mark.parametrize("once", [True, False])
@pytest.mark.parametrize("efi", [True, False])
@pytest.mark.parametrize("target", [t for t in BootTarget if t not in (BootTarget.REMOTE, BootTarget.DEFAULT)])
def test_boot_device_is_set_and_read_back(opened, target, once, efi):
    with opened() as (_, bmc):
        bmc.set_boot_device(target, once=once, efi=efi)
        assert bmc.boot_device() == BootDevice(target, once, efi)


def test_default_clears_every_bit(opened):
    with opened() as (responder, bmc):
        bmc.set_boot_device(BootTarget.PXE, once=False, efi=True)
        bmc.set_boot_device(BootTarget.DEFAULT, once=True, efi=True)
        assert responder.flags == bytes(5)
        assert bmc.boot_device() == BootDevice(BootTarget.DEFAULT)


def test_the_sixty_second_timer_is_switched_off_before_the_flags(opened):
    with opened() as (responder, bmc):
        bmc.set_boot_device(BootTarget.PXE, once=True, efi=False)
        assert responder.options[3] == b"\x08"
        assert responder.options[0] == b"\x00"
        assert responder.options[4] == b"\x01\x01"


def test_flags_lost_twice_are_set_a_third_time(opened):
    with opened(forgets_flags=2) as (_, bmc):
        bmc.set_boot_device(BootTarget.PXE, once=True, efi=False)
        assert bmc.boot_device().target is BootTarget.PXE


@pytest.mark.demand("U19", "U27")
def test_flags_lost_every_time_are_an_error_and_power_is_left_alone(opened):
    with opened(forgets_flags=99) as (responder, bmc):
        with pytest.raises(BmcError) as caught:
            bmc.set_boot_device(BootTarget.PXE, once=True, efi=False)
        assert caught.value.fault is BmcFault.NOT_APPLIED
        assert " ".join(caught.value.tried).count("read back default") == 3
        assert responder.executed == []


@pytest.mark.parametrize("manufacturer", [10876, 47488])
def test_supermicro_boots_efi_disks_by_its_own_selector(opened, manufacturer):
    with opened(manufacturer=manufacturer) as (responder, bmc):
        bmc.set_boot_device(BootTarget.DISK, once=False, efi=True)
        assert responder.flags.hex() == "e024000000"
        assert bmc.boot_device() == BootDevice(BootTarget.DISK, once=False, efi=True)
        bmc.set_boot_device(BootTarget.DISK, once=False, efi=False)
        assert responder.flags.hex() == "c008000000"
        assert bmc.identity() == BmcIdentity("Supermicro", "0x0f02", "9.18")


def test_cancel_ends_a_wait_for_power(opened):
    run = Run()
    with opened(seconds=60, run=run, deaf_power=100) as (_, bmc):
        threading.Timer(0.3, run.cancel.set).start()
        began = time.monotonic()
        with pytest.raises(Cancelled):
            bmc.power_on()
        assert time.monotonic() - began < 6


@pytest.mark.demand("U5")
def test_commands_keep_their_distance(start):
    pool = BmcPool(OneLogin(BmcLogin(USER, PASSWORD)), sessions=1, per_subnet=1, interval=0.2)
    responder = start()
    began = time.monotonic()
    for _ in range(2):  # the distance is the BMC's, not the session's
        with pool.open(address_of(responder), deadline=Run().deadline(10)) as bmc:
            bmc.power()
            bmc.power()
    assert time.monotonic() - began >= 0.6
