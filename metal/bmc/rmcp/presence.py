"""RMCP presence ping and pong (ASF 2.0, sections 3.2.4.2 and 3.2.4.3; IPMI 2.0 section 13.2.4) as bytes. No I/O."""

from __future__ import annotations

import struct
from dataclasses import dataclass

__all__ = ["Pong", "decode_pong", "encode_ping"]

_HEADER = struct.Struct(">BBBBIBBBB")
_VERSION, _NO_ACKNOWLEDGE, _CLASS_ASF = 0x06, 0xFF, 0x06
_ASF = 4542  # the alliance's enterprise number
_PING, _PONG = 0x80, 0x40
_IPMI = 0x80


@dataclass(frozen=True)
class Pong:
    """What answers a ping.

    :ivar tag: of the ping that it answers.
    :ivar ipmi: it says that it speaks IPMI.
    """

    tag: int
    ipmi: bool


def encode_ping(tag: int) -> bytes:
    """:param tag: 0-254; the pong carries it."""
    return _HEADER.pack(_VERSION, 0, _NO_ACKNOWLEDGE, _CLASS_ASF, _ASF, _PING, tag, 0, 0)


def decode_pong(datagram: bytes) -> Pong | None:
    """None for anything else. A pong cut short still says that a BMC is there, if not what it speaks."""
    if len(datagram) < _HEADER.size:
        return None
    version, _, _, kind, enterprise, message, tag, _, length = _HEADER.unpack_from(datagram)
    if (version, kind & 0x1F, enterprise, message) != (_VERSION, _CLASS_ASF, _ASF, _PONG):
        return None
    body = datagram[_HEADER.size : _HEADER.size + length]
    return Pong(tag, len(body) > 8 and bool(body[8] & _IPMI))
