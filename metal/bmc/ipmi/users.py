"""Users of a BMC and their passwords (IPMI 2.0 sections 22.27, 22.29 and 22.30)."""

from __future__ import annotations

from metal.bmc.rmcp.frames import Request

__all__ = [
    "FIRST_USER",
    "GET_USER_ACCESS",
    "LONGEST_PASSWORD",
    "MOST_USERS",
    "TEST_FAILED",
    "decode_user_count",
    "decode_user_name",
    "get_user_name",
    "set_password",
    "test_password",
]

LONGEST_PASSWORD = 20
FIRST_USER = 1
MOST_USERS = 63
TEST_FAILED = frozenset({0x80, 0x81})  # the password is another; or is kept in the other of the two sizes

_SHORT_PASSWORD = 16
_SET, _TEST = 2, 3
# Of the first user on the channel that asks (0Eh); its answer begins with how many users there can be.
GET_USER_ACCESS = Request(0x06, 0x44, bytes((0x0E, FIRST_USER)))


def decode_user_count(data: bytes) -> int:
    return data[0] & MOST_USERS


def get_user_name(user: int) -> Request:
    return Request(0x06, 0x46, bytes((user,)))


def decode_user_name(data: bytes) -> str:
    """Sixteen bytes, filled up with zeros; some BMCs leave old bytes behind the first zero."""
    return data[:16].split(b"\0")[0].decode("latin-1")


def set_password(user: int, password: str) -> Request:
    """Set User Password; the same however often it is carried out."""
    return _password(user, _SET, password)


def test_password(user: int, password: str) -> Request:
    """Ask whether the BMC keeps this one: completion code 0, or one of `TEST_FAILED`."""
    return _password(user, _TEST, password)


def _password(user: int, operation: int, password: str) -> Request:
    """The 16-byte form wherever the password fits in: the older one, which every BMC takes."""
    raw = password.encode()
    long = len(raw) > _SHORT_PASSWORD
    field = raw.ljust(LONGEST_PASSWORD if long else _SHORT_PASSWORD, b"\0")
    return Request(0x06, 0x47, bytes((user | (0x80 if long else 0), operation)) + field)
