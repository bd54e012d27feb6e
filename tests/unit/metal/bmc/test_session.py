"""Login and requests against a small BMC whose every mood can be chosen; real UDP on loopback."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from lab.bmc.responder import Responder
from metal.bmc.rmcp.frames import Request
from metal.bmc.rmcp.rakp import Privilege
from metal.bmc.rmcp.session import NoReply, Session
from metal.bmc.rmcp.suites import SUITE_3, SUITE_17
from metal.bmc.rmcp.wire import resolve
from metal.errors import BmcError, BmcFault, Cancelled
from metal.settings.access import BmcAddress, BmcProtocol
from metal.settings.credentials import BmcLogin
from metal.waiting import Run
from tests.unit.metal.bmc.conftest import PASSWORD, USER, address_of
from tests.waiting import wait_for

STATUS = Request(0, 1)
OPEN, RAKP1, RAKP3, SEALED = 0x10, 0x12, 0x14, 0xC0


def session_on(responder: Responder, seconds: float = 5, *, user=USER, password=PASSWORD, run=None, **how) -> Session:
    return Session(
        address_of(responder),
        BmcLogin(user, password),
        resolve(responder.address, responder.port),
        (run or Run()).deadline(seconds),
        **how,
    )


def refused(session: Session, patience: float = 5) -> BmcError:
    with pytest.raises(BmcError) as caught:
        session.login(patience=patience)
    return caught.value


def assert_no_slot_held(responder: Responder) -> None:
    wait_for("all sessions closed", lambda: responder.open_slots == 0, seconds=20)


@pytest.mark.parametrize("suite", [SUITE_3, SUITE_17])
def test_login_request_close(start, suite):
    responder = start(suites=frozenset({suite.number}))
    session = session_on(responder, suites=[suite])
    session.login(patience=5)
    assert session.suite == suite
    assert session.request(STATUS, Run().deadline(2)).data[0] == 0
    session.close()
    assert_no_slot_held(responder)
    with pytest.raises(NoReply):
        session.request(STATUS, Run().deadline(2))


def test_the_next_suite_is_taken_when_the_bmc_refuses_the_first(start):
    responder = start(suites=frozenset({17}))
    session = session_on(responder)
    session.login(patience=5)
    assert session.suite == SUITE_17
    session.close()


def test_no_common_suite_is_named(start):
    error = refused(session_on(start(suites=frozenset())))
    assert error.fault is BmcFault.SUITE
    assert len(error.tried) == 2
    assert "suite 3 or 17" in error.next_step


@pytest.mark.parametrize("suite", [SUITE_3, SUITE_17])
def test_wrong_password_fails_at_once_is_not_retried_and_leaves_no_slot(start, suite):
    responder = start(slots=2)
    for _ in range(5):
        error = refused(session_on(responder, password="wrong-one", suites=[suite]))
        assert error.fault is BmcFault.AUTH
        assert_no_slot_held(responder)
    assert [kind for kind, _ in responder.log].count(RAKP1) == 5
    text = str(error)
    assert "metalswarm:bmc-rack" in text
    assert "wrong-one" not in text
    assert PASSWORD not in text


def test_wrong_user_fails_at_once(start):
    responder = start()
    error = refused(session_on(responder, user="nobody"))
    assert error.fault is BmcFault.AUTH
    assert "does not know the user" in str(error)
    assert len(responder.log) <= 3


@pytest.mark.parametrize(("user", "password"), [("u" * 17, "secret-one"), ("u", "secret-two" * 3)])
def test_names_and_passwords_that_ipmi_cannot_carry_are_refused_before_anything_is_sent(start, user, password):
    responder = start()
    error = refused(session_on(responder, user=user, password=password))
    assert error.fault is BmcFault.AUTH
    assert responder.log == []
    assert password not in str(error)


def test_bmc_key(start):
    responder = start(bmc_key=b"twenty-bytes-of-key!")
    session = session_on(responder, kg=b"twenty-bytes-of-key!")
    session.login(patience=5)
    assert session.request(STATUS, Run().deadline(2)).code == 0
    session.close()
    error = refused(session_on(responder))
    assert error.fault is BmcFault.AUTH
    assert "wrong BMC key" in error.seen


def test_privilege_operator_is_taken_where_administrator_is_refused_late(start):
    session = session_on(start(highest=3))
    session.login(patience=5)
    assert session.privilege is Privilege.OPERATOR
    session.close()


def test_privilege_operator_is_taken_where_administrator_is_refused_early(start):
    session = session_on(start(highest_role=3))
    session.login(patience=5)
    assert session.privilege is Privilege.OPERATOR
    session.close()


@pytest.mark.parametrize("temper", [{"highest": 2}, {"highest_role": 2}])
def test_no_usable_privilege(start, temper):
    responder = start(**temper)
    error = refused(session_on(responder))
    assert error.fault is BmcFault.PRIVILEGE
    assert_no_slot_held(responder)


@pytest.mark.parametrize("lost", [OPEN, RAKP1, RAKP3, SEALED])
def test_one_lost_message_of_each_kind_is_survived_and_leaks_nothing(start, lost):
    responder = start(drop={lost: 1})
    session = session_on(responder)
    session.login(patience=5)
    assert session.request(STATUS, Run().deadline(2)).code == 0
    session.close()
    assert_no_slot_held(responder)


@pytest.mark.parametrize("silent", [OPEN, RAKP1, RAKP3])
def test_silence_at_login_ends_at_the_deadline_and_leaks_nothing(start, silent):
    responder = start(silent={silent}, slots=3)
    began = time.monotonic()
    error = refused(session_on(responder, 1.0))
    assert 0.9 < time.monotonic() - began < 4
    assert error.fault is BmcFault.TIMEOUT
    assert error.tried
    assert "n1" in str(error)
    responder.temper.silent = set()
    if silent != RAKP3:  # a BMC that ignores RAKP 3 ignores the refusal in it as well
        assert_no_slot_held(responder)


def test_patience_ends_before_a_late_deadline(start):
    began = time.monotonic()
    assert refused(session_on(start(silent={OPEN}), 60), patience=0.5).fault is BmcFault.TIMEOUT
    assert time.monotonic() - began < 5


def test_a_full_bmc_is_asked_again_until_a_slot_is_free(start):
    responder = start(slots=1)
    holder, waiting = session_on(responder), session_on(responder, 6)
    holder.login(patience=5)
    threading.Timer(0.5, holder.close).start()
    waiting.login(patience=6)
    waiting.close()
    assert responder.most_open == 1


def test_a_full_bmc_is_named(start):
    responder = start(slots=1)
    holder = session_on(responder)
    holder.login(patience=5)
    error = refused(session_on(responder, 0.5))
    holder.close()
    assert error.fault is BmcFault.NO_SLOT
    assert "hold all sessions" in error.next_step


def test_a_closed_port_is_refused_at_once():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    address = BmcAddress("n1", "127.0.0.1", port, BmcProtocol.IPMI, "rack")
    began = time.monotonic()
    session = Session(address, BmcLogin(USER, PASSWORD), resolve("127.0.0.1", port), Run().deadline(10))
    error = refused(session, 10)
    assert error.fault is BmcFault.UNREACHABLE
    assert str(port) in str(error)
    assert time.monotonic() - began < 3


def test_cancel_ends_a_login_promptly(start):
    run = Run()
    session = session_on(start(silent={OPEN}), 30, run=run)
    threading.Timer(0.2, run.cancel.set).start()
    began = time.monotonic()
    with pytest.raises(Cancelled):
        session.login(patience=30)
    assert time.monotonic() - began < 5


def test_a_repeatable_request_is_sent_again_under_the_same_number(start):
    responder = start()
    session = session_on(responder)
    session.login(patience=5)
    responder.temper.drop = {SEALED: 2}
    assert session.request(STATUS, Run().deadline(3)).code == 0
    session.close()
    assert [entry for entry in responder.log if entry == (SEALED, (0, 1))] == [(SEALED, (0, 1))]


@pytest.mark.parametrize("control", [0, 1, 2, 3, 5])
def test_a_control_that_must_not_run_twice_is_sent_once_even_when_unanswered(start, control):
    responder = start()
    session = session_on(responder, 10)
    session.login(patience=5)
    before = len(responder.log)
    responder.temper.silent = {SEALED}
    with pytest.raises(NoReply):
        session.request(Request(0, 2, bytes((control,))), Run().deadline(0.5))
    assert len(responder.log) - before == 1
    responder.temper.silent = set()
    session.close()


def test_double_answers_are_harmless(start):
    responder = start(double=True)
    session = session_on(responder)
    session.login(patience=5)
    for power in (0, 1, 0, 1):
        responder.power = power
        assert session.request(STATUS, Run().deadline(2)).data[0] == power
    session.close()


def test_more_requests_than_there_are_numbers(start):
    session = session_on(start())
    session.login(patience=5)
    assert all(session.request(STATUS, Run().deadline(2)).code == 0 for _ in range(150))
    session.close()


def test_a_session_shows_no_secret(start):
    shown = repr(session_on(start()))
    assert PASSWORD not in shown
