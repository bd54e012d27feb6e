"""IPMI requests outside of any session (IPMI 2.0 section 13.6, authentication type none) as bytes. No I/O."""

from __future__ import annotations

from metal.bmc.rmcp.frames import FrameRejected, Reply, Request, decode_reply, encode_request

__all__ = ["decode_sessionless", "encode_sessionless"]

_RMCP = bytes((0x06, 0x00, 0xFF, 0x07))
# Authentication type none, sequence 0, session 0.
_NO_SESSION = bytes(9)
_LENGTH_AT = len(_RMCP) + len(_NO_SESSION)


def encode_sessionless(request: Request, sequence: int) -> bytes:
    """:param sequence: rqSeq, 0-63; the answer carries it."""
    message = encode_request(request, sequence)
    return _RMCP + _NO_SESSION + bytes((len(message),)) + message


def decode_sessionless(datagram: bytes, request: Request, sequence: int) -> Reply:
    """The answer to `request`.

    :raises FrameRejected: not a sessionless message, cut short, or the answer to another request.
    """
    if len(datagram) <= _LENGTH_AT or datagram[:4] != _RMCP or datagram[4] != 0:
        raise FrameRejected("not a message outside of sessions")
    length = datagram[_LENGTH_AT]
    message = datagram[_LENGTH_AT + 1 : _LENGTH_AT + 1 + length]
    if len(message) != length:
        raise FrameRejected("shorter than its length field says")
    return decode_reply(message, request, sequence)
