"""What a BMC says to anybody, before a login: whether it is there, what it lets in, which cipher suites it offers."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from types import TracebackType
from typing import TypeVar

from metal.bmc.ipmi.channel import (
    GET_AUTH_CAPABILITIES,
    PIECE_BYTES,
    AuthCapabilities,
    decode_auth_capabilities,
    get_cipher_suites,
    parse_cipher_suites,
)
from metal.bmc.rmcp import rakp
from metal.bmc.rmcp.frames import FrameRejected, Payload, Reply, Request, decode_login, encode_login
from metal.bmc.rmcp.presence import decode_pong, encode_ping
from metal.bmc.rmcp.rakp import LoginRefused
from metal.bmc.rmcp.sessionless import decode_sessionless, encode_sessionless
from metal.bmc.rmcp.suites import CipherSuite
from metal.bmc.rmcp.wire import Endpoint, UdpWire
from metal.waiting import Deadline

__all__ = ["SUITE_0", "Doorstep"]

T = TypeVar("T")

SUITE_0 = CipherSuite(0, 0, 0, 0, "sha1", 0)
"""No password, no integrity, no encryption; never logged in with, only asked for."""

# Seconds for one answer; what is asked here is asked twice at most, because many BMCs answer only some of it.
_WAIT = 0.7
_ASKED = 2
_MOST_PIECES = 64


class Doorstep:
    """Sessionless questions to one BMC, each answered with None where it says nothing. Leaves nothing open behind.

    :param deadline: nothing here outlasts it.
    :raises Unreachable: there is no way to it; the questions raise it too, where its port is closed.
    """

    def __init__(self, endpoint: Endpoint, deadline: Deadline, host: str) -> None:
        self._wire = UdpWire(endpoint, deadline.run, host)
        self._deadline = deadline
        self._sequence = 0

    def ping(self) -> float | None:
        """Seconds until its pong."""
        run = self._deadline.run
        began = run.clock()

        def seen(datagram: bytes) -> float:
            if decode_pong(datagram) is None:
                raise FrameRejected("no pong")
            return run.clock() - began

        return self._ask(encode_ping(0), seen)

    def capabilities(self) -> AuthCapabilities | None:
        """What its LAN channel lets in."""
        reply = self._request(GET_AUTH_CAPABILITIES)
        return decode_auth_capabilities(reply.data) if reply and reply.code == 0 else None

    def cipher_suites(self) -> tuple[int, ...] | None:
        """The cipher suites that it lists."""
        records = b""
        for piece in range(_MOST_PIECES):
            reply = self._request(get_cipher_suites(piece))
            if reply is None or reply.code or not reply.data:
                break
            records += reply.data[1 : 1 + PIECE_BYTES]
            if len(reply.data) <= PIECE_BYTES:
                break
        return parse_cipher_suites(records) or None

    def opens(self, suite: CipherSuite) -> bool | None:
        """Whether it begins a login with that suite; the login is then called off."""
        console, tag = struct.unpack("<I", os.urandom(4))[0] or 1, os.urandom(1)[0]

        def opened(datagram: bytes) -> int | None:
            kind, answer = decode_login(datagram)
            if kind is not Payload.OPEN_RESPONSE:
                raise FrameRejected("answer to another message")
            try:
                return rakp.parse_open_response(answer, tag, console, suite)
            except LoginRefused:
                return 0

        bmc = self._ask(encode_login(Payload.OPEN_REQUEST, rakp.open_request(tag, console, suite)), opened)
        if bmc:
            # RAKP 1 makes some BMCs know whose exchange it is; calling off works without it.
            self._wire.send(encode_login(Payload.RAKP3, rakp.rakp3_refusal((tag + 1) & 0xFF, bmc)))
        return None if bmc is None else bool(bmc)

    def _request(self, request: Request) -> Reply | None:
        self._sequence = (self._sequence + 1) % 64
        sequence = self._sequence
        return self._ask(
            encode_sessionless(request, sequence), lambda datagram: decode_sessionless(datagram, request, sequence)
        )

    def _ask(self, question: bytes, read: Callable[[bytes], T]) -> T | None:
        for _ in range(_ASKED):
            self._wire.send(question)
            for datagram in self._wire.receive(self._deadline.within(_WAIT).at):
                try:
                    return read(datagram)
                except FrameRejected:
                    continue
        return None

    def __enter__(self) -> Doorstep:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wire.close()
