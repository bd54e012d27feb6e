"""Every fault that a BMC plays (docs/faults.md): reached after bounded attempts, or one clear error; nothing twice."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.bmc.packets import OPEN, RAKP1
from lab.bmc.responder import Responder
from lab.faults.kinds import KINDS, Player, kind_named
from lab.faults.rule import Action, Rule
from metal.bmc import BmcPool, BootDevice, BootTarget, Power
from metal.bmc.rmcp.suites import SUITE_3, SUITE_17
from metal.errors import BmcError, BmcFault
from metal.settings.credentials import BmcLogin
from metal.waiting import Run
from tests.unit.metal.bmc.conftest import PASSWORD, USER, OneLogin, address_of
from tests.waiting import hurried, wait_for

OFF, ON = 0, 1


def arm(responder: Responder, kind: str, **how: object) -> None:
    responder.faults.set(*kind_named(kind).rules(**how))  # type: ignore[arg-type]


def make_pool(password: str = PASSWORD, **how: object) -> BmcPool:
    # Much patience: a machine that is busy with other things must not look like a BMC that is dead.
    settings = {"sessions": 8, "per_subnet": 8, "interval": 0, "patience": 100, **how}
    return BmcPool(OneLogin(BmcLogin(USER, password)), **settings)  # type: ignore[arg-type]


@pytest.fixture
def faulty(start):
    """(BMC, opened) with a fault; checks afterwards that no session was left on it."""

    @contextmanager
    def _faulty(kind, *, run=None, deadline=100.0, power=0, **how):
        responder = start()
        responder.power = power
        arm(responder, kind, **how)
        with make_pool().open(address_of(responder), deadline=(run or Run()).deadline(deadline)) as bmc:
            yield responder, bmc
        responder.faults.set()
        no_session_left(responder)

    return _faulty


def no_session_left(responder: Responder) -> None:
    wait_for("all sessions closed", lambda: responder.open_sessions == 0)


def refused(responder: Responder, pool: BmcPool, *, seconds: float = 20, run: Run | None = None) -> BmcError:
    """The error of one login; it names host, what was tried and a cure."""
    deadline = (run or Run()).deadline(seconds)
    with pytest.raises(BmcError) as caught, pool.open(address_of(responder), deadline=deadline):
        pytest.fail("opened")
    error = caught.value
    assert error.host == "n1"
    assert error.tried
    assert error.seen
    assert error.next_step
    return error


@pytest.mark.demand("U12")
@pytest.mark.parametrize("kind", ["udp-loss", "udp-double"])
def test_lost_and_doubled_datagrams_execute_nothing_twice(start, kind):
    responders = [start() for _ in range(3)]

    def work(responder):
        with make_pool().open(address_of(responder), deadline=Run().deadline(120)) as bmc:
            bmc.set_boot_device(BootTarget.PXE, once=True, efi=False)
            bmc.power_cycle()

    for seed, responder in enumerate(responders, 7):
        responder.power = 1
        responder.faults.set(*kind_named(kind).rules(), seed=seed)
    with ThreadPoolExecutor() as threads:
        list(threads.map(work, responders))
    for responder in responders:
        assert responder.executed == [OFF, ON]
        assert responder.memory.boots == ["pxe"]
    assert sum(sum(responder.faults.fired().values()) for responder in responders) > 5


def test_a_login_that_a_doubled_datagram_has_mixed_up_is_no_wrong_password(start):
    responder = start(mixes_up=True)
    responder.faults.set(Rule("in:rakp1", Action.DOUBLE, count=2))
    with make_pool().open(address_of(responder), deadline=Run().deadline(60)) as bmc:
        assert bmc.power() is Power.OFF
    assert responder.bad_logins == 0


@pytest.mark.demand("U6", "U7", "U8", "U11")
def test_a_silent_bmc_ends_at_the_deadline_and_says_what_to_do(start):
    responder = start()
    arm(responder, "silent")
    began = time.monotonic()
    error = refused(responder, make_pool(), seconds=1)
    assert time.monotonic() - began < 30
    assert error.fault is BmcFault.TIMEOUT
    assert "no answer to OPEN_REQUEST" in error.seen
    assert "UDP" in error.next_step


@pytest.mark.demand("U5")
@pytest.mark.parametrize("after", [None, 1, 4, 7])
def test_a_bmc_that_freezes_once_is_waited_for(faulty, after):
    """The clock goes ten times as fast: one second of the BMC's is ten of ours."""
    with faulty("frozen", run=hurried(), deadline=300, power=1, count=after, seconds=1) as (responder, bmc):
        bmc.set_boot_device(BootTarget.PXE, once=True, efi=False)
        bmc.power_cycle()
    assert responder.executed == [OFF, ON]
    assert responder.memory.boots == ["pxe"]


@pytest.mark.demand("U5")
def test_a_bmc_that_freezes_under_haste_is_asked_more_slowly(start):
    responder = start()
    arm(responder, "burst", count=8, seconds=3)
    with make_pool().open(address_of(responder), deadline=Run().deadline(100)) as bmc:
        for _ in range(2):
            bmc.set_boot_device(BootTarget.PXE, once=True, efi=False)
            bmc.power_on()
            bmc.power_off(soft=0)
    assert responder.executed == [ON, OFF] * 2
    # One freeze taught it; without that, every ninth command would bring another.
    assert 1 <= sum(responder.faults.fired().values()) <= 2


def test_a_full_bmc_is_tried_again_and_named_when_it_stays_full(start):
    responder = start()
    arm(responder, "no-slots", count=2)
    with make_pool().open(address_of(responder), deadline=hurried().deadline(60)) as bmc:
        assert bmc.power() is Power.OFF
    arm(responder, "no-slots")
    error = refused(responder, make_pool(), run=hurried(), seconds=30)
    assert error.fault is BmcFault.NO_SLOT
    assert "monitoring" in error.next_step
    assert len(error.tried) > 1
    assert f"tried: {len(error.tried)}x login, suite 3: " in str(error)
    assert [kind for kind, _ in responder.log].count(OPEN) < 20
    no_session_left(responder)


@pytest.mark.parametrize(
    ("kind", "asked", "got"),
    [
        ("suite-17-only", (SUITE_3, SUITE_17), 17),
        ("suite-3-only", (SUITE_17, SUITE_3), 3),
        ("suite-17-silent", (SUITE_3, SUITE_17), 17),
    ],
)
def test_another_cipher_suite_is_tried(start, kind, asked, got):
    responder = start()
    arm(responder, kind)
    with make_pool(suites=asked).open(address_of(responder), deadline=hurried().deadline(100)) as bmc:
        bmc.power_on()
    assert responder.executed == [ON]
    assert responder.last_suite == got


def test_no_common_cipher_suite_is_named_after_one_try_each(start):
    responder = start()
    arm(responder, "no-suite")
    error = refused(responder, make_pool())
    assert error.fault is BmcFault.SUITE
    assert [kind for kind, _ in responder.log].count(OPEN) == 2
    assert "suite 3 or 17" in error.next_step


def test_a_wrong_password_is_tried_once_a_run_and_locks_no_account(start):
    responder = start()
    arm(responder, "wrong-password")
    pool = make_pool()
    first = refused(responder, pool)
    assert first.fault is BmcFault.AUTH
    for _ in range(5):
        again = refused(responder, pool)
        assert again.fault is BmcFault.AUTH
        assert "not tried again" in again.what
        assert (again.seen, again.tried) == (first.seen, first.tried)
    wait_for("the BMC has counted it", lambda: responder.bad_logins == 1)
    assert responder.faults.fired() == {1: 1}
    assert [kind for kind, _ in responder.log].count(RAKP1) == 1
    assert PASSWORD not in str(again)
    responder.faults.set()
    with make_pool().open(address_of(responder), deadline=Run().deadline(20)) as bmc:
        assert bmc.power() is Power.OFF


def test_an_account_that_others_have_locked_is_named_as_possible(start):
    responder = start()
    arm(responder, "lock-out")
    for run in range(1, 4):
        assert refused(responder, make_pool("not-the-password")).fault is BmcFault.AUTH
        wait_for("the BMC has counted it", lambda run=run: responder.bad_logins == run)
    wait_for("the lock has struck", lambda: responder.faults.fired() == {1: 1})
    locked = refused(responder, make_pool())
    assert locked.fault is BmcFault.AUTH
    assert "account may be locked, by earlier runs with a wrong password or by others" in locked.next_step


def test_a_wrong_password_is_not_said_to_be_harmless_over_several_runs(start):
    """Each run tries it once: three of them lock the account on many BMCs."""
    responder = start()
    arm(responder, "lock-out", count=2)
    told = [refused(responder, make_pool("not-the-password")).next_step for _ in range(3)]
    assert [kind for kind, _ in responder.log].count(RAKP1) == 3
    assert all("each run tries it once" in cure for cure in told)
    assert not any("no account is locked" in cure for cure in told)
    assert "by earlier runs" in told[-1]


def test_a_login_that_works_lifts_what_was_refused_before(start):
    """What changes a BMC's password goes on with the new one in the same run."""

    class Logins:
        password = "the-next-one"

        def bmc(self, profile: str) -> BmcLogin:
            return BmcLogin(USER, self.password)

    logins, responder = Logins(), start()
    pool = BmcPool(logins, sessions=1, per_subnet=1, interval=0)
    assert refused(responder, pool).fault is BmcFault.AUTH
    logins.password = PASSWORD
    with pool.open(address_of(responder), deadline=Run().deadline(20)) as bmc:
        assert bmc.power() is Power.OFF
    responder.set_password("the-next-one")
    logins.password = "the-next-one"
    with pool.open(address_of(responder), deadline=Run().deadline(20)) as bmc:
        assert bmc.power() is Power.OFF


@pytest.mark.demand("U19", "U27")
def test_a_boot_device_that_is_not_kept_is_set_again_and_found_out(start):
    responder = start()
    arm(responder, "boot-device-ignored", count=2)
    with make_pool().open(address_of(responder), deadline=Run().deadline(60)) as bmc:
        bmc.set_boot_device(BootTarget.PXE, once=True, efi=False)
        bmc.power_on()
    assert responder.memory.boots == ["pxe"]
    arm(responder, "boot-device-ignored")
    deadline = Run().deadline(60)
    with pytest.raises(BmcError) as caught, make_pool().open(address_of(responder), deadline=deadline) as bmc:
        bmc.set_boot_device(BootTarget.PXE, once=True, efi=False)
    assert caught.value.fault is BmcFault.NOT_APPLIED
    assert len(caught.value.tried) == 3
    assert responder.executed == [ON], "power is left alone"
    no_session_left(responder)


@pytest.mark.demand("U20", "U28")
def test_a_one_shot_that_is_lost_at_the_start_shows_in_the_boot_device_and_is_armed_again(faulty):
    with faulty("boot-device-lost", power=1, count=1) as (responder, bmc):
        for _ in range(2):
            bmc.set_boot_device(BootTarget.PXE, once=True, efi=False)
            bmc.power_cycle()
            assert bmc.boot_device() == BootDevice(BootTarget.DEFAULT)
    assert responder.memory.boots == ["default", "pxe"]


@pytest.mark.demand("U9", "U10", "U13", "U14", "U15", "U16")
def test_a_state_that_shows_late_is_waited_for_and_nothing_is_sent_again(faulty):
    with faulty("power-lag", power=1, seconds=2.5) as (responder, bmc):
        bmc.power_cycle()
        assert bmc.power() is Power.ON
        bmc.power_on()
    assert responder.executed == [OFF, ON], "on is sent when off is seen, and not where it is on already"


@pytest.mark.demand("U9", "U13")
def test_a_power_command_that_is_ignored_is_sent_again_and_found_out(faulty):
    with faulty("power-ignored", run=hurried(), deadline=600, power=1, count=2) as (responder, bmc):
        bmc.power_off(soft=0)
    assert responder.executed == [OFF]
    ever = faulty("power-ignored", run=hurried(), deadline=600, power=1)
    with pytest.raises(BmcError) as caught, ever as (responder, bmc):
        bmc.power_cycle()
    error = caught.value
    assert error.fault is BmcFault.NOT_APPLIED
    assert sum(line.startswith("chassis control off: ") for line in error.tried) == 3
    assert (error.host, error.seen) == ("n1", "power on")
    assert responder.executed == [], "no on after an off that never came"


@pytest.mark.demand("U11", "U13")
@pytest.mark.parametrize("seconds", [0.3, 3.0])
def test_a_bmc_that_restarts_in_the_middle_of_a_call_is_read_before_anything_is_sent_again(faulty, seconds):
    """The clock goes ten times as fast: three seconds are more than a BMC that never answered is given."""
    with faulty("bmc-reset", run=hurried(), deadline=600, power=1, count=2, seconds=seconds) as (responder, bmc):
        bmc.power_cycle()
        assert bmc.power() is Power.ON
    assert responder.executed == [OFF, ON]


def test_a_bmc_that_never_comes_back_from_a_restart_is_one_error(start):
    responder = start()
    responder.power = 1
    arm(responder, "bmc-reset", seconds=3600)
    deadline = hurried().deadline(40)
    with pytest.raises(BmcError) as caught, make_pool().open(address_of(responder), deadline=deadline) as bmc:
        bmc.power_cycle()
    assert caught.value.fault is BmcFault.TIMEOUT
    assert "in the middle of a power command" in caught.value.what
    assert "read before anything is sent" in caught.value.next_step
    assert responder.executed == [OFF]


def test_a_busy_bmc_is_asked_again(faulty):
    with faulty("busy", count=6) as (responder, bmc):
        bmc.power_on()
        assert bmc.power() is Power.ON
    assert responder.executed == [ON]


def test_a_bmc_that_is_busy_to_the_end_is_told_as_busy_and_not_as_silent(start):
    responder = start()
    arm(responder, "busy")
    error = refused(responder, make_pool(), run=hurried(), seconds=30)
    assert (error.fault, error.word) == (BmcFault.TIMEOUT, "busy")
    assert "takes the login and is busy" in error.what
    assert "firmware is being updated" in error.next_step
    assert "reachable by UDP" not in error.next_step
    assert len(error.tried) > 2
    (tried,) = [line for line in str(error).splitlines() if "tried:" in line]
    assert tried.count("Set Session Privilege Level") == 1
    assert f"{len(error.tried) - 1}x Set Session Privilege Level" in tried


def test_a_slow_bmc_is_waited_for(start):
    responder = start()
    arm(responder, "slow", seconds=0.2)
    with make_pool().open(address_of(responder), deadline=Run().deadline(100)) as bmc:
        bmc.power_cycle()
    assert responder.executed == [ON], "off it was already"


def test_a_bmc_that_is_slow_from_the_first_answer_on_is_given_time_in_the_first_login(start):
    responder = start()
    arm(responder, "slow", seconds=1.0)
    with make_pool().open(address_of(responder), deadline=Run().deadline(100)):
        pass
    assert [kind for kind, _ in responder.log].count(RAKP1) == 1


def test_every_kind_of_a_bmc_is_tried_here():
    text = Path(__file__).read_text()
    assert [kind.name for kind in KINDS if kind.player is Player.BMC and f'"{kind.name}"' not in text] == []
