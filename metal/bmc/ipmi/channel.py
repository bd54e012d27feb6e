"""What a channel is and lets in: medium, access, logins, cipher suites (IPMI 2.0 sections 22.13 to 22.24). No I/O."""

from __future__ import annotations

from dataclasses import dataclass

from metal.bmc.rmcp.frames import Request

__all__ = [
    "GET_AUTH_CAPABILITIES",
    "PIECE_BYTES",
    "AuthCapabilities",
    "decode_auth_capabilities",
    "get_access",
    "get_cipher_suites",
    "get_medium",
    "is_lan",
    "is_open",
    "parse_cipher_suites",
]

_THIS_CHANNEL = 0x0E
_ADMINISTRATOR = 4
_IPMI_2_DATA = 0x80
_LIST_SUITES = 0x80
_STANDARD, _OEM = 0xC0, 0xC1
_ACTIVE_NOW = 0x80
_LAN_MEDIA = (0x04, 0x06)

GET_AUTH_CAPABILITIES = Request(0x06, 0x38, bytes((_THIS_CHANNEL | _IPMI_2_DATA, _ADMINISTRATOR)))
_CAPABILITY_BYTES = 4

PIECE_BYTES = 16
"""Bytes of suite records in one answer; a shorter one is the last."""


@dataclass(frozen=True)
class AuthCapabilities:
    """What the channel says of itself to anybody.

    :ivar ipmi2: RMCP+ sessions.
    :ivar anonymous: a login without user name and password is possible.
    :ivar null_user: a user without a name is enabled, with a password.
    :ivar no_authentication: IPMI 1.5 sessions without any password.
    :ivar channel_key: it wants a key of its own (Kg) beside the user's password.
    """

    ipmi2: bool
    anonymous: bool
    null_user: bool
    no_authentication: bool
    channel_key: bool


def decode_auth_capabilities(data: bytes) -> AuthCapabilities | None:
    """Read the answer's data, without its completion code; None where it is too short to mean anything."""
    if len(data) < _CAPABILITY_BYTES:
        return None
    types, status, extended = data[1], data[2], data[3]
    has_extended = bool(types & _IPMI_2_DATA)
    return AuthCapabilities(
        ipmi2=has_extended and bool(extended & 0x02),
        anonymous=bool(status & 0x01),
        null_user=bool(status & 0x02),
        no_authentication=bool(types & 0x01),
        channel_key=has_extended and bool(status & 0x20),
    )


def get_cipher_suites(piece: int) -> Request:
    """Get Channel Cipher Suites, one piece of the list of all suites for IPMI messages.

    :param piece: from 0 to 63.
    """
    return Request(0x06, 0x54, bytes((_THIS_CHANNEL, 0x00, _LIST_SUITES | piece)))


def parse_cipher_suites(records: bytes) -> tuple[int, ...]:
    """Numbers of the book's suites, sorted, each once; a maker's own are passed over, and so is what is cut short.

    :param records: of all pieces, without their channel bytes (table 22-19): 0xC0 and a number, or 0xC1, a number and
        three bytes of enterprise; then algorithms, none of which has both of its upper bits set.
    """
    found: set[int] = set()
    at = 0
    while at + 1 < len(records):
        if records[at] == _STANDARD:
            found.add(records[at + 1])
            at += 2
        else:
            at += 5 if records[at] == _OEM else 1
    return tuple(sorted(found))


def get_medium(channel: int) -> Request:
    """Get Channel Info."""
    return Request(0x06, 0x42, bytes((channel,)))


def is_lan(data: bytes) -> bool:
    """Whether Get Channel Info tells of 802.3, or of another LAN (table 6-3)."""
    return len(data) > 1 and data[1] & 0x7F in _LAN_MEDIA


def get_access(channel: int) -> Request:
    """Get Channel Access, as it is at present."""
    return Request(0x06, 0x41, bytes((channel, _ACTIVE_NOW)))


def is_open(data: bytes) -> bool | None:
    """Whether IPMI messages are taken on the channel at all times; None where that is not told."""
    return data[0] & 0x07 == 2 if data else None
