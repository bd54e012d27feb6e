"""Datagrams of RMCP+ as bytes: IPMI 2.0 sections 13.1 to 13.8 (frames), 13.29 (AES), 13.8 (messages). No I/O."""

from __future__ import annotations

import hmac
import struct
from dataclasses import dataclass, field
from enum import IntEnum

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from metal.bmc.rmcp.suites import CipherSuite

__all__ = [
    "FrameRejected",
    "Payload",
    "Reply",
    "Request",
    "SessionKeys",
    "decode_login",
    "decode_reply",
    "encode_login",
    "encode_request",
    "seal",
    "unseal",
]

_RMCP = bytes((0x06, 0x00, 0xFF, 0x07))
_RMCP_PLUS = 0x06
_BMC_ADDRESS = 0x20
_CONSOLE_ADDRESS = 0x81
_NEXT_HEADER = 0x07
_HEADER = struct.Struct("<4sBBIIH")
_BLOCK = 16


class Payload(IntEnum):
    """Payload types (table 13-16)."""

    OPEN_REQUEST = 0x10
    OPEN_RESPONSE = 0x11
    RAKP1 = 0x12
    RAKP2 = 0x13
    RAKP3 = 0x14
    RAKP4 = 0x15
    IPMI_SEALED = 0xC0  # IPMI message, encrypted and authenticated


class FrameRejected(ValueError):
    """A datagram that is not for us, altered, or not RMCP+; the receiver drops it."""


@dataclass(frozen=True)
class SessionKeys:
    """Keys of one session; never shown.

    :ivar integrity: K1, whole hash.
    :ivar confidentiality: K2, first 16 bytes: the AES key.
    """

    suite: CipherSuite
    integrity: bytes = field(repr=False)
    confidentiality: bytes = field(repr=False)


@dataclass(frozen=True)
class Request:
    """One IPMI request to LUN 0 of the BMC."""

    netfn: int
    command: int
    data: bytes = b""

    @property
    def repeatable(self) -> bool:
        """False where a second execution may do harm: the transport sends such a request exactly once.

        Chassis control (28.3), cold and warm reset (20.2, 20.3). Power on among them: sent again when it is not known
        what came of it, it would start a machine that somebody has switched off meanwhile.
        """
        return (self.netfn, self.command) not in {(0x00, 0x02), (0x06, 0x02), (0x06, 0x03)}

    def __str__(self) -> str:
        return f"{self.netfn:#04x}/{self.command:#04x}" + (f" {self.data.hex(' ')}" if self.data else "")


@dataclass(frozen=True)
class Reply:
    """An answer: completion code (0 is success) and the data after it."""

    code: int
    data: bytes


def encode_login(kind: Payload, payload: bytes) -> bytes:
    """A login message: session id 0, sequence 0, in the clear."""
    return _HEADER.pack(_RMCP, _RMCP_PLUS, kind, 0, 0, len(payload)) + payload


def decode_login(datagram: bytes) -> tuple[Payload, bytes]:
    """Payload type and payload of a login message.

    :raises FrameRejected: not a login message, or shorter than it says.
    """
    if len(datagram) < _HEADER.size + 2:
        raise FrameRejected("too short for a login message")
    rmcp, kind_of_auth, kind, session, _, length = _HEADER.unpack_from(datagram)
    if rmcp != _RMCP or kind_of_auth != _RMCP_PLUS or session != 0:
        raise FrameRejected("not an RMCP+ login message")
    if not Payload.OPEN_REQUEST <= kind <= Payload.RAKP4:
        raise FrameRejected(f"payload type {kind:#04x} is no login message")
    payload = datagram[_HEADER.size : _HEADER.size + length]
    if len(payload) != length:
        raise FrameRejected("shorter than its length field says")
    return Payload(kind), payload


def _checksum(data: bytes) -> int:
    return -sum(data) & 0xFF


def encode_request(request: Request, sequence: int) -> bytes:
    """An IPMI message.

    :param sequence: rqSeq, 0-63; the answer carries it.
    """
    head = bytes((_BMC_ADDRESS, request.netfn << 2))
    body = bytes((_CONSOLE_ADDRESS, sequence << 2, request.command)) + request.data
    return head + bytes((_checksum(head),)) + body + bytes((_checksum(body),))


def decode_reply(message: bytes, request: Request, sequence: int) -> Reply:
    """The answer to `request`.

    :raises FrameRejected: answers another request, or a checksum is wrong.
    """
    if len(message) < 8:
        raise FrameRejected("too short for an IPMI answer")
    if _checksum(message[:2]) != message[2] or _checksum(message[3:-1]) != message[-1]:
        raise FrameRejected("wrong checksum in an IPMI answer")
    if (message[1] >> 2, message[4] >> 2, message[5]) != (request.netfn + 1, sequence, request.command):
        raise FrameRejected("answer to another request")
    return Reply(message[6], message[7:-1])


def seal(keys: SessionKeys, session: int, sequence: int, message: bytes, iv: bytes) -> bytes:
    """A message encrypted and authenticated, as one datagram.

    :param session: the receiver's session id.
    :param sequence: session sequence number, from 1, never used twice.
    :param iv: 16 random bytes.
    """
    pad = -(len(message) + 1) % _BLOCK
    plain = message + bytes(range(1, pad + 1)) + bytes((pad,))
    encryptor = Cipher(algorithms.AES(keys.confidentiality), modes.CBC(iv)).encryptor()
    payload = iv + encryptor.update(plain) + encryptor.finalize()
    span = _HEADER.pack(_RMCP, _RMCP_PLUS, Payload.IPMI_SEALED, session, sequence, len(payload))[4:] + payload
    fill = -(len(span) + 2) % 4
    span += b"\xff" * fill + bytes((fill, _NEXT_HEADER))
    return _RMCP + span + keys.suite.hmac(keys.integrity, span)[: keys.suite.check_length]


def unseal(keys: SessionKeys, session: int, datagram: bytes) -> bytes:
    """The message in a sealed datagram.

    :param session: our session id, which the frame must carry.
    :raises FrameRejected: other session, altered, or not a sealed frame.
    """
    cut = keys.suite.check_length
    if len(datagram) < _HEADER.size + 2 * _BLOCK + 2 + cut:
        raise FrameRejected("too short for a sealed frame")
    rmcp, kind_of_auth, kind, owner, _, length = _HEADER.unpack_from(datagram)
    if rmcp != _RMCP or kind_of_auth != _RMCP_PLUS or kind != Payload.IPMI_SEALED:
        raise FrameRejected("not a sealed RMCP+ frame")
    if owner != session:
        raise FrameRejected("frame of another session")
    span, check = datagram[4:-cut], datagram[-cut:]
    if not hmac.compare_digest(keys.suite.hmac(keys.integrity, span)[:cut], check):
        raise FrameRejected("wrong integrity check value")
    payload = datagram[_HEADER.size : _HEADER.size + length]
    if len(payload) != length or length % _BLOCK or length < 2 * _BLOCK:
        raise FrameRejected("wrong payload length")
    decryptor = Cipher(algorithms.AES(keys.confidentiality), modes.CBC(payload[:_BLOCK])).decryptor()
    plain = decryptor.update(payload[_BLOCK:]) + decryptor.finalize()
    # Pad values are not looked at: the frame is authenticated, and some firmware pads with other bytes.
    if plain[-1] >= _BLOCK:
        raise FrameRejected("wrong pad length")
    return plain[: len(plain) - 1 - plain[-1]]
