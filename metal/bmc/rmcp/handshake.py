"""One attempt to log in: Open Session, RAKP 1 to 4. A failed attempt leaves nothing behind on the BMC."""

from __future__ import annotations

import hmac
import struct
from collections.abc import Callable, Iterator
from typing import TypeVar

from metal.bmc.rmcp import rakp
from metal.bmc.rmcp.frames import (
    FrameRejected,
    Payload,
    Request,
    SessionKeys,
    decode_login,
    encode_login,
    encode_request,
    seal,
)
from metal.bmc.rmcp.rakp import Exchange, LoginRefused, Privilege, Status
from metal.bmc.rmcp.suites import CipherSuite
from metal.bmc.rmcp.wire import UdpWire, Unreachable
from metal.waiting import Deadline

__all__ = ["Handshake", "NoAnswer", "close_session", "resend_times"]

T = TypeVar("T")

# Seconds to wait for an answer before the same question is sent again.
_RESEND = (0.3, 0.6, 1.2, 2.4, 3.0)
_CLOSE_SESSION = 0x3C


class NoAnswer(Exception):
    """This attempt went nowhere; another may succeed.

    :ivar before_suite: it is not known whether the BMC takes the cipher suite.
    """

    def __init__(self, message: str, *, before_suite: bool = False) -> None:
        self.before_suite = before_suite
        super().__init__(message)


def resend_times(limit: Deadline) -> Iterator[float]:
    """Points in time at which the answer to a question that may be repeated is given up and asked for again."""
    index = 0
    while not limit.passed:
        yield limit.within(_RESEND[min(index, len(_RESEND) - 1)]).at
        index += 1


def close_session(bmc_id: int) -> Request:
    """Close Session (IPMI 2.0 section 22.19)."""
    return Request(0x06, _CLOSE_SESSION, struct.pack("<I", bmc_id))


class Handshake:
    """Ids and keys as they come about. New ids and a new tag each time, so that late answers to another do not match.

    :param kg: the BMC key, where the BMC has one beside the user's password.
    :ivar keys: set once both sides have them.
    :ivar guid: of the managed system, 16 bytes, proven by the BMC's knowledge of the password; empty until then.
    """

    def __init__(
        self,
        wire: UdpWire,
        suite: CipherSuite,
        privilege: Privilege,
        name: bytes,
        password: bytes,
        kg: bytes | None,
        random: Callable[[int], bytes],
    ) -> None:
        self._wire = wire
        self._suite = suite
        self._privilege = privilege
        self._name = name
        self._password = password
        self._kg = kg
        self._random = random
        self.console_id: int = struct.unpack("<I", random(4))[0] or 1
        self.bmc_id = 0
        self.keys: SessionKeys | None = None
        self.guid = b""
        self._tag = random(1)[0]

    def run(
        self, limit: Deadline, rakp_wait: Callable[[float], float], *, open_wait: float | None = None
    ) -> SessionKeys:
        """All messages of the login.

        :param open_wait: seconds for the answer to the first message, repeated meanwhile; None waits until `limit`.
        :param rakp_wait: seconds for the answer to a RAKP message, which is sent once, from those that the first
            message took until its answer.
        :raises NoAnswer: start over.
        :raises LoginRefused: by status, or because a check value is wrong.
        """
        console_id, suite = self.console_id, self._suite
        began = limit.run.clock()
        self.bmc_id = self._ask(
            Payload.OPEN_REQUEST,
            rakp.open_request(self._tag, console_id, suite),
            lambda answer: rakp.parse_open_response(answer, self._tag, console_id, suite),
            resend_times(limit if open_wait is None else limit.within(open_wait)),
        )
        wait = rakp_wait(limit.run.clock() - began)
        console_random = self._random(rakp.RANDOM_BYTES)
        bmc_random, guid, proof = self._ask(
            Payload.RAKP1,
            rakp.rakp1(self._next_tag(), self.bmc_id, console_random, self._privilege, self._name),
            lambda answer: rakp.parse_rakp2(answer, self._tag, console_id, suite),
            iter((limit.within(wait).at,)),
        )
        exchange = Exchange(
            suite, console_id, self.bmc_id, console_random, bmc_random, guid, self._privilege, self._name
        )
        if not hmac.compare_digest(exchange.bmc_proof(self._password), proof):
            raise LoginRefused("wrong password: the check value of RAKP message 2", Status.INVALID_CHECK_VALUE)
        self.guid = guid
        secret = self._kg or self._password
        # From the moment RAKP 3 is sent the BMC may have the session open, whether its answer comes or not.
        self.keys = exchange.keys(secret)
        session_proof = self._ask(
            Payload.RAKP3,
            rakp.rakp3(self._next_tag(), self.bmc_id, exchange.console_proof(self._password)),
            lambda answer: rakp.parse_rakp4(answer, self._tag, console_id, suite),
            iter((limit.within(wait).at,)),
        )
        if not hmac.compare_digest(exchange.session_proof(secret), session_proof):
            raise LoginRefused("wrong BMC key: the check value of RAKP message 4", Status.INVALID_CHECK_VALUE)
        return self.keys

    def _next_tag(self) -> int:
        self._tag = (self._tag + 1) & 0xFF
        return self._tag

    def _ask(self, kind: Payload, payload: bytes, parse: Callable[[bytes], T], waits: Iterator[float]) -> T:
        for until in waits:
            self._wire.send(encode_login(kind, payload))
            for datagram in self._wire.receive(until):
                try:
                    answered, answer = decode_login(datagram)
                    if answered == kind + 1:
                        return parse(answer)
                except FrameRejected:
                    continue
        raise NoAnswer(f"no answer to {kind.name}", before_suite=kind is Payload.OPEN_REQUEST)

    def abandon(self) -> None:
        """Free what the BMC may hold of this attempt; sent once, not awaited, errors ignored."""
        if not self.bmc_id:
            return
        try:
            if self.keys:
                closing = encode_request(close_session(self.bmc_id), 0)
                self._wire.send(seal(self.keys, self.bmc_id, 1, closing, self._random(16)))
            # Whatever the BMC made of RAKP 3, it knows by now: open and closed above, or half open and refused here.
            self._wire.send(encode_login(Payload.RAKP3, rakp.rakp3_refusal(self._next_tag(), self.bmc_id)))
        except Unreachable:
            return
