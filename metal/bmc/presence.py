"""Whether a BMC speaks IPMI or Redfish at an address, seen without a login and within short limits."""

from __future__ import annotations

import queue
import ssl
import threading
from collections.abc import Callable

from metal.bmc.redfish.http import Garbled, Http
from metal.bmc.redfish.link import ROOT
from metal.bmc.redfish.trust import CertificateRefused, Trust, unverified
from metal.bmc.redfish.wire import Hangup, Silence
from metal.bmc.rmcp.wire import UdpWire, Unreachable, resolve
from metal.errors import Cancelled
from metal.settings.access import BmcAddress, BmcProtocol
from metal.waiting import Deadline

__all__ = ["answers_ipmi", "answers_redfish", "find_protocols"]

# RMCP presence ping (ASF 2.0, section 3.2.4.2); needs no session.
_PING = bytes.fromhex("0600ff06000011be80000000")
_PONG_CLASS = b"\x06\x00"
_AGAIN = 0.5  # seconds until a ping is taken for lost
_SLICE = 0.1


def answers_ipmi(address: str, port: int, deadline: Deadline, host: str = "") -> bool:
    """Whether something answers the RMCP presence ping.

    :raises Cancelled: the run was cancelled.
    """
    try:
        wire = UdpWire(resolve(address, port), deadline.run, host)
    except Unreachable:
        return False
    try:
        while not deadline.passed:
            wire.send(_PING)
            for datagram in wire.receive(min(deadline.at, deadline.run.clock() + _AGAIN)):
                if datagram.startswith(_PONG_CLASS):
                    return True
    except Unreachable:
        return False
    finally:
        wire.close()
    return False


def answers_redfish(address: str, port: int, deadline: Deadline, host: str = "", *, plain: bool = False) -> bool:
    """Whether there is a Redfish service root. No secret is sent, so the certificate is not judged here.

    :raises Cancelled: the run was cancelled.
    """
    try:
        http = Http(resolve(address, port), address, host, None if plain else _Unjudged(), deadline)
    except Unreachable:
        return False
    try:
        answer = http.exchange("GET", ROOT, headers={}, body=None, limit=deadline)
        return answer.ok and "RedfishVersion" in answer.json()
    except (Unreachable, CertificateRefused, Silence, Hangup, Garbled):
        return False
    finally:
        http.close()


class _Unjudged(Trust):
    def context(self) -> ssl.SSLContext:
        return unverified()

    def check(self, certificate: bytes) -> None:
        return


def find_protocols(address: BmcAddress, deadline: Deadline, *, enough: BmcProtocol) -> set[BmcProtocol]:
    """Which protocols answer, both asked side by side.

    :param enough: the one whose answer ends the search at once.
    :returns: those that answered by then, or by the deadline.
    :raises Cancelled: the run was cancelled.
    """
    told: queue.Queue[tuple[BmcProtocol, bool]] = queue.Queue()
    looks: dict[BmcProtocol, Callable[[], bool]] = {
        BmcProtocol.REDFISH: lambda: answers_redfish(
            address.address, address.redfish_port, deadline, address.host, plain=address.plain_http
        ),
        BmcProtocol.IPMI: lambda: answers_ipmi(address.address, address.port, deadline, address.host),
    }

    def look(protocol: BmcProtocol) -> None:
        found = False
        try:
            found = looks[protocol]()
        except Cancelled:
            pass
        finally:
            told.put((protocol, found))

    for protocol in looks:
        threading.Thread(target=look, args=(protocol,), daemon=True, name=f"presence {address.host}").start()
    answering: set[BmcProtocol] = set()
    for _ in looks:
        protocol, found = _next(told, deadline, address.host)
        if found:
            answering.add(protocol)
        if found and protocol is enough:
            break
    return answering


def _next(told: queue.Queue[tuple[BmcProtocol, bool]], deadline: Deadline, host: str) -> tuple[BmcProtocol, bool]:
    while True:
        try:
            return told.get(timeout=_SLICE)
        except queue.Empty:
            # Each look ends by itself at the deadline; here only the cancel is watched.
            deadline.run.pause(0, host=host)
