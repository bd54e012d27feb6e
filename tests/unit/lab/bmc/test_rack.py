"""Hundreds of small BMCs in one process, served by one thread."""

from __future__ import annotations

import socket
import threading

from lab.bmc.rack import Rack
from lab.bmc.responder import Responder
from lab.faults.rule import Action, Rule
from metal.bmc import BmcPool, Power
from metal.settings.access import BmcAddress, BmcProtocol
from metal.settings.credentials import BmcLogin
from metal.waiting import Run

USER, PASSWORD = "admin", "s3cret-of-test"
PING = bytes.fromhex("0600ff06000011be80070000")


class OneLogin:
    def bmc(self, profile: str) -> BmcLogin:
        return BmcLogin(USER, PASSWORD)


def ping(bmc: Responder) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(20)
        probe.connect((bmc.address, bmc.port))
        probe.send(PING)
        return probe.recv(64)


def test_three_hundred_share_one_thread_and_none_is_mixed_up_with_another() -> None:
    before = threading.active_count()
    rack = Rack()
    try:
        bmcs = [Responder(USER, PASSWORD, rack=rack) for _ in range(300)]
        assert threading.active_count() == before + 1
        bmcs[7].power = 1
        pool = BmcPool(OneLogin(), sessions=4, per_subnet=4, interval=0)
        for number in (0, 7, 299):
            address = BmcAddress("n1", bmcs[number].address, bmcs[number].port, BmcProtocol.IPMI, "rack")
            with pool.open(address, deadline=Run().deadline(30)) as bmc:
                assert bmc.power() is (Power.ON if number == 7 else Power.OFF)
        assert sum(len(bmc.log) > 0 for bmc in bmcs) == 3
        bmcs[0].close()
        assert ping(bmcs[1])[8] == 0x40
    finally:
        rack.close()


def test_a_late_answer_holds_nobody_up() -> None:
    rack = Rack()
    try:
        slow, quick = (Responder(USER, PASSWORD, rack=rack) for _ in range(2))
        slow.faults.set(Rule("in:ping", Action.DELAY, latency=0.5))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waiting:
            waiting.settimeout(20)
            waiting.connect((slow.address, slow.port))
            waiting.send(PING)
            assert ping(quick)[8:10] == b"\x40\x07"
            waiting.setblocking(False)
            try:
                assert not waiting.recv(64), "it is late"
            except BlockingIOError:
                waiting.settimeout(20)
                assert waiting.recv(64)[8] == 0x40
    finally:
        rack.close()
