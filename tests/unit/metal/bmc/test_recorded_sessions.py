"""Whole sessions byte for byte: with the same random bytes the console must send what it sent when recorded."""

from __future__ import annotations

import random
import socket
import threading
from pathlib import Path

import pytest

from metal.bmc.rmcp.frames import Reply, Request
from metal.bmc.rmcp.session import Session
from metal.bmc.rmcp.suites import SUITE_3, SUITE_17, CipherSuite
from metal.bmc.rmcp.wire import resolve
from metal.settings.access import BmcAddress, BmcProtocol
from metal.settings.credentials import BmcLogin
from metal.waiting import Run

GOLDEN = Path(__file__).parents[3] / "golden" / "bmc"


class Replay:
    """Answers each datagram with the recorded one, whatever came."""

    def __init__(self, lines: list[tuple[str, bytes]]) -> None:
        self.received: list[bytes] = []
        self._lines = lines
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(5)
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        for who, datagram in self._lines:
            if who == "console":
                received, peer = self._socket.recvfrom(2048)
                self.received.append(received)
            else:
                self._socket.sendto(datagram, peer)

    def close(self) -> None:
        self._thread.join()
        self._socket.close()


def read(name: str) -> list[tuple[str, bytes]]:
    lines = [line.split() for line in (GOLDEN / name).read_text().splitlines() if not line.startswith("#")]
    return [(who, bytes.fromhex(data)) for who, data in lines]


@pytest.mark.parametrize(
    ("name", "suite"),
    [("ipmi_sim-suite3-status-on.session", SUITE_3), ("responder-suite17-status-on.session", SUITE_17)],
)
def test_session_is_the_recorded_one_byte_for_byte(name: str, suite: CipherSuite):
    lines = read(name)
    replay = Replay(lines)
    run = Run()
    address = BmcAddress("n1", "127.0.0.1", replay.port, BmcProtocol.IPMI, "rack")
    session = Session(
        address,
        BmcLogin("admin", "s3cret-of-test"),
        resolve("127.0.0.1", replay.port),
        run.deadline(4),
        suites=[suite],
        random=random.Random(20).randbytes,
    )
    session.login(patience=4)
    limit = run.deadline(4)
    before = session.request(Request(0, 1), limit)
    switched = session.request(Request(0, 2, b"\x01"), limit)
    kept = session.request(Request(0, 8, b"\x03\x08"), limit)
    after = session.request(Request(0, 1), limit)
    session.close()
    replay.close()
    assert replay.received == [datagram for who, datagram in lines if who == "console"]
    assert switched == kept == Reply(0, b"")
    assert (before.code, before.data[0] & 1, after.code, after.data[0] & 1) == (0, 0, 0, 1)
