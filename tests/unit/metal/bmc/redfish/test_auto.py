"""`protocol: auto`: looked at once, remembered, looked at anew when what is remembered does not answer."""

from __future__ import annotations

import socket
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from lab.bmc.responder import Responder as IpmiResponder
from metal.bmc import Power
from metal.bmc.choice import ProtocolChoice
from metal.bmc.presence import answers_ipmi, answers_redfish
from metal.bmc.redfish.bmc import RedfishBmc
from metal.errors import BmcError, BmcFault
from metal.settings.access import BmcAddress, BmcProtocol
from metal.waiting import Run
from tests.unit.metal.bmc.conftest import PASSWORD, USER

AUTO = BmcProtocol.AUTO


@pytest.fixture
def ipmi():
    responder = IpmiResponder(USER, PASSWORD)
    yield responder
    responder.close()


def auto(redfish, ipmi, **how) -> BmcAddress:
    return BmcAddress("n1", "127.0.0.1", ipmi.port, AUTO, "rack", redfish_port=redfish.port, **how)


def dead(kind: int = socket.SOCK_STREAM) -> int:
    with socket.socket(type=kind) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def spoken(pool, address: BmcAddress, run: Run | None = None) -> BmcProtocol:
    with pool.open(address, deadline=(run or Run()).deadline(60)) as bmc:
        assert bmc.power() is Power.OFF
        return BmcProtocol.REDFISH if isinstance(bmc, RedfishBmc) else BmcProtocol.IPMI


def test_presence_is_seen_without_a_login(redfish, ipmi):
    responder, run = redfish(), Run()
    assert answers_redfish("127.0.0.1", responder.port, run.deadline(5))
    assert answers_ipmi("127.0.0.1", ipmi.port, run.deadline(5))
    assert not answers_redfish("127.0.0.1", dead(), run.deadline(5))
    assert not answers_ipmi("127.0.0.1", dead(socket.SOCK_DGRAM), run.deadline(1))
    assert {entry[2] for entry in responder.log} == {""}


@pytest.mark.demand("U6", "U7")
def test_what_answers_is_found_and_remembered_for_later_runs(redfish, ipmi, certificate, make_pool, tmp_path):
    responder, memory = redfish(), tmp_path / "protocols"
    address = auto(responder, ipmi, fingerprint=certificate.fingerprint)
    lines: list[str] = []
    pool = make_pool(memory=memory)
    assert spoken(pool, address, Run(progress=lines.append)) is BmcProtocol.REDFISH
    assert [line for line in lines if "over redfish" in line]
    (line,) = memory.iterdir()
    assert line.read_text() == '{"protocol": "redfish"}\n'
    looks = len(ipmi.log)
    assert spoken(pool, address) is BmcProtocol.REDFISH
    assert len(ipmi.log) == looks


@pytest.mark.demand("U6", "U7")
def test_ipmi_alone_is_found_and_no_later_run_waits_for_redfish(ipmi, make_pool, tmp_path, monkeypatch):
    """The port of Redfish is a hole: it takes connections and says nothing."""
    memory = tmp_path / "protocols"
    with socket.create_server(("127.0.0.1", 0)) as hole:
        address = BmcAddress("n1", "127.0.0.1", ipmi.port, AUTO, "rack", redfish_port=hole.getsockname()[1])
        choice, again = ProtocolChoice(memory), ProtocolChoice(memory)
        assert choice.settle(address, Run().deadline(60)).protocol is BmcProtocol.IPMI
        monkeypatch.setattr("metal.bmc.choice._LOOK", 120.0)
        began = time.monotonic()
        assert again.settle(address, Run().deadline(300)).protocol is BmcProtocol.IPMI
        assert time.monotonic() - began < 60, "it waited for the dead one"
        assert spoken(make_pool(memory=memory), address) is BmcProtocol.IPMI


@pytest.mark.demand("U6", "U7")
@pytest.mark.parametrize("pinned", [True, False])
def test_ipmi_stands_in_for_redfish_in_one_run_and_is_not_remembered(
    redfish, ipmi, certificate, make_pool, tmp_path, pinned
):
    responder, memory = redfish(), tmp_path / "protocols"
    how = {"fingerprint": certificate.fingerprint} if pinned else {"ca": str(certificate.pem)}
    address = auto(responder, ipmi, **how)
    pool = make_pool(memory=memory)
    assert spoken(pool, address) is BmcProtocol.REDFISH
    responder.close()
    with pytest.raises(BmcError) as caught:
        spoken(pool, address)
    assert caught.value.fault is BmcFault.UNREACHABLE
    # In this run the next caller looks anew; so does the next run.
    lines: list[str] = []
    assert spoken(pool, address, Run(progress=lines.append)) is BmcProtocol.IPMI
    assert ["n1" in line and "does not answer over Redfish" in line for line in lines] == [True]
    assert pool.stands_in(address)
    later = make_pool(memory=memory)
    assert [spoken(later, address, Run(progress=lines.append)) for _ in range(2)] == [BmcProtocol.IPMI] * 2
    assert len(lines) == 2, "each run looks once, and tells it once"
    (line,) = memory.iterdir()
    assert "redfish" in line.read_text()
    redfish(port=address.redfish_port)
    back = make_pool(memory=memory)
    assert spoken(back, address) is BmcProtocol.REDFISH
    assert not back.stands_in(address)


def test_a_named_certificate_counts_as_redfish_seen_whatever_is_remembered(
    redfish, ipmi, certificate, make_pool, tmp_path
):
    """As of a BMC that was found, and remembered, while its web server was off."""
    memory = tmp_path / "protocols"
    address = auto(SimpleNamespace(port=dead()), ipmi)
    assert spoken(make_pool(memory=memory), address) is BmcProtocol.IPMI
    (line,) = memory.iterdir()
    redfish(port=address.redfish_port)
    assert spoken(make_pool(memory=memory), address) is BmcProtocol.IPMI, "Redfish was never seen: nobody waits for it"
    pinned = replace(address, fingerprint=certificate.fingerprint)
    assert spoken(make_pool(memory=memory), pinned) is BmcProtocol.REDFISH
    line.write_text('{"protocol": "ipmi"}')
    with pytest.raises(BmcError) as caught:
        spoken(make_pool(memory=memory), replace(address, fingerprint="sha256:" + "0" * 64))
    assert caught.value.fault is BmcFault.CERTIFICATE


def test_where_a_bmc_has_several_systems_nothing_stands_in(ipmi, make_pool):
    address = auto(SimpleNamespace(port=dead()), ipmi, system="node-2")
    with pytest.raises(BmcError) as caught:
        spoken(make_pool(), address)
    assert caught.value.fault is BmcFault.UNREACHABLE
    assert "'node-2'" in caught.value.what


def test_a_memory_that_cannot_be_written_to_is_told_once_in_a_run_and_fails_nothing(ipmi, make_pool, tmp_path):
    memory = tmp_path / "ledger" / "protocols"
    memory.parent.write_text("a file where the folder should be")
    lines: list[str] = []
    pool, run = make_pool(memory=memory), Run(progress=lines.append)
    for _ in range(2):  # two BMCs of one run, as far as the memory goes
        assert spoken(pool, auto(SimpleNamespace(port=dead()), ipmi), run) is BmcProtocol.IPMI
    assert [str(memory) in line for line in lines if "not remembered" in line] == [True]


def test_neither_is_one_error_with_both_tried(make_pool):
    address = BmcAddress("n1", "127.0.0.1", dead(socket.SOCK_DGRAM), AUTO, "rack", redfish_port=dead())
    with pytest.raises(BmcError) as caught:
        spoken(make_pool(), address)
    assert caught.value.fault is BmcFault.UNREACHABLE
    assert "Redfish service root" in str(caught.value)
    assert "RMCP presence ping" in str(caught.value)


def test_a_certificate_that_is_not_trusted_is_no_reason_to_speak_ipmi(redfish, ipmi, make_pool):
    responder = redfish()
    with pytest.raises(BmcError) as caught:
        spoken(make_pool(), auto(responder, ipmi))
    assert caught.value.fault is BmcFault.CERTIFICATE


@pytest.mark.parametrize("junk", ["{", "[]", '{"protocol": []}', "[" * 100_000])
def test_a_memory_that_cannot_be_read_only_costs_a_look(redfish, ipmi, certificate, tmp_path, junk):
    memory = tmp_path / "protocols"
    address = auto(redfish(), ipmi, fingerprint=certificate.fingerprint)
    choice = ProtocolChoice(memory)
    choice.settle(address, Run().deadline(60))
    (line,) = memory.iterdir()
    line.write_text(junk)
    assert ProtocolChoice(memory).settle(address, Run().deadline(60)) == replace(
        address, protocol=BmcProtocol.REDFISH, port=address.redfish_port
    )
