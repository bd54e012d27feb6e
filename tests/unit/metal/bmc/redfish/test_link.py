"""Certificates, silence, restarts: what stands between us and a BMC's Redfish service."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from lab.redfish.certificate import make_certificate
from lab.redfish.tree import SystemSpec, documents
from metal.bmc import Power
from metal.errors import BmcError, BmcFault
from metal.settings.access import BmcAddress, BmcProtocol
from metal.waiting import Run

SYSTEM = {"method": "GET", "path": "Systems/1$"}
OTHER = SystemSpec(id="blade2", uuid="11111111-2222-3333-4455-66778899aabb", serial="LAB0002")


def opened(pool, address, seconds=60.0, run=None):
    return pool.open(address, deadline=(run or Run()).deadline(seconds))


def fault_of(pool, address, seconds=60.0) -> BmcError:
    with pytest.raises(BmcError) as caught, opened(pool, address, seconds) as bmc:
        bmc.power()
    return caught.value


def test_a_certificate_that_its_authority_vouches_for_is_taken(redfish, at, make_pool, certificate):
    responder = redfish()
    with opened(make_pool(), at(responder, ca=str(certificate.pem))) as bmc:
        assert bmc.power() is Power.OFF


def test_a_factory_certificate_is_refused_with_its_fingerprint_and_nothing_is_sent(redfish, at, make_pool, certificate):
    responder = redfish()
    error = fault_of(make_pool(), at(responder, fingerprint=""))
    assert error.fault is BmcFault.CERTIFICATE
    assert certificate.fingerprint in error.seen
    assert "bmc.fingerprint" in error.next_step
    assert responder.log == []


def test_a_changed_certificate_is_one_clear_error_and_nothing_is_sent(redfish, at, make_pool, certificate, tmp_path):
    responder, pool = redfish(), make_pool()
    with opened(pool, at(responder)) as bmc:
        assert bmc.power() is Power.OFF
    other = make_certificate(tmp_path / "other.pem", "127.0.0.1")
    responder.show(other)
    asked = len(responder.log)
    error = fault_of(pool, at(responder))
    assert error.fault is BmcFault.CERTIFICATE
    assert other.fingerprint in error.seen
    assert certificate.fingerprint in error.seen
    assert "somebody else" in error.next_step
    assert len(responder.log) == asked


def test_another_name_than_the_certificates_is_refused(redfish, at, make_pool, tmp_path):
    elsewhere = make_certificate(tmp_path / "elsewhere.pem", "127.0.0.9")
    responder = redfish(certificate=elsewhere)
    error = fault_of(make_pool(), at(responder, ca=str(elsewhere.pem)))
    assert error.fault is BmcFault.CERTIFICATE


def test_plain_http_only_where_it_is_asked_for(redfish, at, make_pool):
    responder = redfish(certificate=None)
    with opened(make_pool(), at(responder, plain_http=True)) as bmc:
        assert bmc.power() is Power.OFF
    asked = len(responder.log)
    error = fault_of(make_pool(patience=3), at(responder))
    assert error.fault in (BmcFault.TIMEOUT, BmcFault.UNREACHABLE)
    assert len(responder.log) == asked, "nothing is sent where TLS is not spoken"


def test_a_closed_port_is_refused_at_once(make_pool):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    error = fault_of(make_pool(), BmcAddress("n1", "127.0.0.1", port, BmcProtocol.REDFISH, "rack"))
    assert error.fault is BmcFault.UNREACHABLE
    assert "Redfish" in error.next_step


@pytest.mark.demand("U6")
@pytest.mark.parametrize("after", [b"", b"HTTP/1.1 200 OK\r\n"])
def test_silence_and_a_trickle_end_at_the_deadline(make_pool, after):
    """A byte now and then keeps clients alive whose time limit is one of each read."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def trickle() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(after)
                while after and not stop.wait(0.2):
                    connection.sendall(b"x")
                stop.wait()

        thread = threading.Thread(target=trickle)
        thread.start()
        port = server.getsockname()[1]
        address = BmcAddress("n1", "127.0.0.1", port, BmcProtocol.REDFISH, "rack", plain_http=True)
        began = time.monotonic()
        error = fault_of(make_pool(), address, 2)
        took = time.monotonic() - began
        stop.set()
        thread.join()
    assert error.fault is BmcFault.TIMEOUT
    assert 1.5 < took < 60


@pytest.mark.demand("U7")
def test_a_slow_answer_is_waited_for(redfish, at, make_pool):
    responder = redfish()
    responder.fault({"match": SYSTEM, "action": "serve", "latency": 1.5, "count": 2})
    with opened(make_pool(), at(responder)) as bmc:
        assert bmc.power() is Power.OFF


def test_what_is_no_redfish_is_named_so(redfish, at, make_pool):
    tree = {"/redfish/v1": {"welcome": "to my web page"}}
    error = fault_of(make_pool(), at(redfish(tree=tree)))
    assert error.fault is BmcFault.PROTOCOL
    assert "no service root" in error.seen


@pytest.mark.demand("U11")
def test_a_bmc_that_restarts_under_our_hands_is_waited_for(redfish, at, make_pool):
    responder, run = redfish(), Run()
    with opened(make_pool(), at(responder), 60, run) as bmc:
        for _ in range(4):
            bmc.read()
        responder.restart(2)
        bmc.power_on()
        assert bmc.power() is Power.ON
    assert responder.board.executed == ["On"]
    assert responder.open_sessions == 0


@pytest.mark.demand("U11")
def test_a_bmc_that_stays_busy_is_one_error_with_its_word(redfish, at, make_pool):
    responder = redfish()
    responder.fault({"match": SYSTEM, "action": "answer", "status": 503, "text": "starting", "retry_after": 1})
    error = fault_of(make_pool(patience=5), at(responder))
    assert error.fault is BmcFault.TIMEOUT
    assert "starting" in str(error)
    assert error.word == "busy"
    assert "firmware is being updated" in str(error)


def test_a_dropped_connection_is_made_anew_for_what_may_be_asked_twice(redfish, at, make_pool):
    responder = redfish()
    with opened(make_pool(), at(responder)) as bmc:
        responder.fault({"match": SYSTEM, "action": "drop", "count": 1})
        bmc.read()
        assert bmc.read() is Power.OFF


def test_several_systems_are_told_apart_by_id_serial_or_uuid(redfish, at, make_pool):
    responder = redfish(tree=documents([SystemSpec(), OTHER]))
    turned = "11111111-2222-3333-4455-66778899aabb"
    turned = "".join((turned[6:8], turned[4:6], turned[2:4], turned[0:2])) + "-2222-3333-4455-66778899aabb"
    for how in ({"system": "BLADE2"}, {"serial": "lab0002"}, {"uuid": OTHER.uuid}, {"uuid": turned}):
        with opened(make_pool(), at(responder, **how)) as bmc:
            assert bmc.guid() == f"uuid:{OTHER.uuid}", how
            bmc.power_on()
            bmc.power_off(soft=0)
    executed = {path: board.executed for path, board in responder.boards.items()}
    assert executed == {"/redfish/v1/Systems/1": [], "/redfish/v1/Systems/blade2": ["On", "ForceOff"] * 4}


@pytest.mark.parametrize("how", [{}, {"system": "blade3"}, {"serial": "else"}])
def test_several_systems_and_none_that_fits_are_listed(redfish, at, make_pool, how):
    error = fault_of(make_pool(), at(redfish(tree=documents([SystemSpec(), OTHER])), **how))
    assert error.fault is BmcFault.PROTOCOL
    assert "blade2" in error.seen
    assert "bmc.system" in error.next_step
