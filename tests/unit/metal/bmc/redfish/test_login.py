"""Passwords, sessions and their end: never a leak, never a second try of a refused password, no exit left out."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

import pytest

from metal.bmc import BootTarget, Power
from metal.errors import BmcError, BmcFault, Cancelled
from metal.waiting import Run

LOGIN = {"method": "POST", "path": "Sessions$"}
LOGOUT = {"method": "DELETE", "path": "Sessions/"}


def many(bmc) -> None:
    """More requests than the password is sent along with."""
    for _ in range(4):
        bmc.read()


@pytest.mark.demand("U1", "U2", "U3")
def test_one_look_needs_no_session_and_many_share_one(redfish, at, make_pool):
    responder, pool = redfish(), make_pool()
    with pool.open(at(responder), deadline=Run().deadline(60)) as bmc:
        assert bmc.power() is Power.OFF
    assert responder.logins == 0
    before = len(responder.log)
    with pool.open(at(responder), deadline=Run().deadline(60)) as bmc:
        assert bmc.power() is Power.OFF
    # What the first visit found is known: the second only looks at the system.
    assert {entry[1:] for entry in responder.log[before:]} == {("/redfish/v1/Systems/1", "basic")}
    with pool.open(at(responder), deadline=Run().deadline(60)) as bmc:
        many(bmc)
        bmc.set_boot_device(BootTarget.PXE, once=True, efi=None)
        assert responder.open_sessions == 1
    assert (responder.logins, responder.open_sessions) == (1, 0)


@pytest.mark.demand("U1", "U2", "U3")
@pytest.mark.parametrize(
    "fault",
    [
        {"match": {"method": "GET", "path": "Systems/1"}, "action": "answer", "status": 500},
        {"match": {"method": "GET", "path": "Systems/1"}, "action": "drop"},
        {"match": {"method": "GET", "path": "Systems/1"}, "action": "hang"},
        {"match": {"method": "GET", "path": "Systems/1"}, "action": "answer", "status": 403},
        {"match": {"method": "GET", "path": "Systems/1"}, "action": "answer", "status": 503},
        None,
    ],
)
def test_no_exit_leaves_a_session(redfish, at, make_pool, fault):
    responder, pool = redfish(), make_pool(patience=3)
    with suppress(BmcError, ZeroDivisionError), pool.open(at(responder), deadline=Run().deadline(60)) as bmc:
        many(bmc)
        assert responder.open_sessions == 1
        if fault is None:
            raise ZeroDivisionError
        responder.fault(fault)
        bmc.read()
    assert (responder.logins, responder.open_sessions) == (1, 0)


@pytest.mark.demand("U1", "U2", "U3")
@pytest.mark.parametrize("cancelled", [True, False])
def test_a_cancelled_run_and_a_passed_deadline_end_their_session(redfish, at, make_pool, cancelled):
    responder, run = redfish(), Run()
    with make_pool().open(at(responder), deadline=run.deadline(30 if cancelled else 5)) as bmc:
        many(bmc)
        responder.fault({"match": {"method": "GET"}, "action": "hang"})
        if cancelled:
            threading.Timer(0.2, run.cancel.set).start()
        with pytest.raises(Cancelled if cancelled else BmcError):
            bmc.read()
    assert (responder.logins, responder.open_sessions) == (1, 0)


@pytest.mark.demand("U4")
@pytest.mark.parametrize(
    ("fault", "left"),
    [
        ({"match": LOGOUT, "action": "hang"}, 1),
        ({"match": LOGOUT, "action": "answer", "status": 401}, 1),
        ({"match": LOGOUT, "action": "answer", "status": 401, "count": 1}, 0),
        ({"match": LOGOUT, "action": "drop"}, 1),
        ({"match": LOGOUT, "action": "answer", "status": 500}, 1),
    ],
)
def test_a_logout_that_fails_or_hangs_fails_nothing_and_is_told(redfish, at, make_pool, fault, left):
    lines: list[str] = []
    responder, run = redfish(), Run(progress=lines.append)
    responder.fault(fault)
    with make_pool().open(at(responder), deadline=run.deadline(30)) as bmc:
        many(bmc)
        ended = time.monotonic()
    assert time.monotonic() - ended < 60
    assert responder.open_sessions == left
    assert bool([line for line in lines if "did not end our session" in line]) == bool(left)


def test_a_session_that_the_bmc_forgot_is_opened_anew(redfish, at, make_pool):
    responder = redfish()
    with make_pool().open(at(responder), deadline=Run().deadline(60)) as bmc:
        many(bmc)
        responder.restart(0)
        many(bmc)
        assert (responder.logins, responder.open_sessions) == (2, 1)
    assert responder.open_sessions == 0


@pytest.mark.demand("U2")
@pytest.mark.parametrize("full", [(400, "Base.1.8.SessionLimitExceeded"), (503, "IDRAC.2.4.RAC0218")])
def test_where_others_hold_all_sessions_the_password_goes_along(redfish, at, make_pool, full):
    responder, lines = redfish(slots=2, full=full), []
    responder.occupy(2)
    with make_pool().open(at(responder), deadline=Run(progress=lines.append).deadline(60)) as bmc:
        many(bmc)
        bmc.power_on()
        assert bmc.power() is Power.ON
    assert responder.asked("POST", "Sessions$") == 1
    assert any("gives no session" in line for line in lines)
    assert responder.open_sessions == 2


@pytest.mark.demand("U2")
def test_no_session_and_no_other_way_in_is_one_error_with_its_cure(redfish, at, make_pool):
    responder = redfish(slots=2, basic=False)
    responder.occupy(2)
    with (
        pytest.raises(BmcError) as caught,
        make_pool().open(at(responder), deadline=Run().deadline(60)) as bmc,
    ):
        bmc.power()
    assert caught.value.fault is BmcFault.NO_SLOT
    assert "hold all sessions" in caught.value.next_step
    assert responder.asked("POST", "Sessions$") == 1


def test_a_bmc_without_basic_authentication_is_asked_in_a_session(redfish, at, make_pool):
    responder = redfish(basic=False)
    with make_pool().open(at(responder), deadline=Run().deadline(60)) as bmc:
        bmc.power_on()
    assert (responder.logins, responder.open_sessions) == (1, 0)


def test_a_bmc_without_sessions_is_asked_with_the_password(redfish, at, make_pool):
    responder = redfish(session_service=False)
    with make_pool().open(at(responder), deadline=Run().deadline(60)) as bmc:
        many(bmc)
        bmc.power_on()
    assert responder.logins == 0


def test_a_wrong_password_is_tried_once(redfish, at, make_pool):
    responder = redfish()
    with (
        pytest.raises(BmcError) as caught,
        make_pool(password="mistaken").open(at(responder), deadline=Run().deadline(60)),
    ):
        pytest.fail("opened")
    assert caught.value.fault is BmcFault.AUTH
    assert "profile 'rack'" in str(caught.value)
    assert responder.bad_logins == 1
    assert "mistaken" not in str(caught.value)
    assert caught.value.tried == (f"the password with the request: {caught.value.seen}",)


def test_a_password_that_the_bmc_says_back_is_not_shown(redfish, at, make_pool):
    said, lines = {"action": "answer", "status": 401, "text": "x" * 190 + "mistaken"}, []
    responder = redfish(basic=False)
    responder.fault({"match": LOGIN, **said})
    with (
        pytest.raises(BmcError) as caught,
        make_pool(password="mistaken").open(at(responder), deadline=Run(progress=lines.append).deadline(60)),
    ):
        pytest.fail("opened")
    assert caught.value.fault is BmcFault.AUTH
    assert "(the pass" in caught.value.seen
    assert "mist" not in f"{caught.value}{caught.value.tried}{lines}"


def test_a_login_whose_answer_is_lost_is_not_repeated(redfish, at, make_pool):
    """It may have left a session behind whose name nobody knows: not another one, then."""
    responder = redfish()
    responder.fault({"match": LOGIN, "action": "lose", "count": 1})
    with make_pool().open(at(responder), deadline=Run().deadline(60)) as bmc:
        many(bmc)
        many(bmc)
    assert responder.logins == 1


def test_a_role_that_may_not_is_a_matter_of_privilege(redfish, at, make_pool):
    responder = redfish()
    responder.fault({"match": {"method": "POST", "path": "Reset$"}, "action": "answer", "status": 403})
    with pytest.raises(BmcError) as caught, make_pool().open(at(responder), deadline=Run().deadline(60)) as bmc:
        bmc.power_on()
    assert caught.value.fault is BmcFault.PRIVILEGE
    assert "role Administrator" in caught.value.next_step
