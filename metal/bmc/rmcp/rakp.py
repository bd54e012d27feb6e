"""The RAKP key exchange (IPMI 2.0 sections 13.17 to 13.24, 13.31, 13.32) as bytes. No I/O."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from metal.bmc.rmcp.frames import FrameRejected, SessionKeys
from metal.bmc.rmcp.suites import CipherSuite

__all__ = [
    "NAME_BYTES",
    "PASSWORD_BYTES",
    "RANDOM_BYTES",
    "Exchange",
    "LoginRefused",
    "Privilege",
    "Status",
    "open_request",
    "parse_open_response",
    "parse_rakp2",
    "parse_rakp4",
    "rakp1",
    "rakp3",
    "rakp3_refusal",
    "status_of",
]

NAME_BYTES = 16
PASSWORD_BYTES = 20
RANDOM_BYTES = 16
_NAME_ONLY = 0x10
_RAKP4 = "RAKP message 4"


class Privilege(IntEnum):
    USER = 2
    OPERATOR = 3
    ADMINISTRATOR = 4


class Status(IntEnum):
    """RMCP+ and RAKP status codes (table 13-15)."""

    OK = 0x00
    NO_RESOURCES = 0x01
    INVALID_SESSION = 0x02
    INVALID_AUTHENTICATION = 0x04
    INVALID_INTEGRITY = 0x05
    INVALID_ROLE = 0x09
    ROLE_REFUSED = 0x0A
    NO_RESOURCES_FOR_ROLE = 0x0B
    INVALID_NAME_LENGTH = 0x0C
    UNAUTHORIZED_NAME = 0x0D
    INVALID_CHECK_VALUE = 0x0F
    INVALID_CONFIDENTIALITY = 0x10
    NO_SUITE_MATCH = 0x11
    ILLEGAL_PARAMETER = 0x12


class LoginRefused(Exception):
    """The BMC answered a login message with a status other than 0.

    :ivar mixed_up: the BMC does not know any more what it answered in this very login.
    :ivar status: the code, a :class:`Status` where it is a known one.
    """

    def __init__(self, message: str, status: int) -> None:
        self.message = message
        self.status = status
        # The BMC's own check value was right before, so it is not the password.
        self.mixed_up = status == Status.INVALID_CHECK_VALUE and message == _RAKP4
        super().__init__(f"{message}: {describe(status)}")


def describe(status: int) -> str:
    """A status in words."""
    if status in Status._value2member_map_:
        return f"status {status:#04x} ({Status(status).name.lower().replace('_', ' ')})"
    return f"status {status:#04x}"


def status_of(payload: bytes, tag: int) -> int:
    """The status of an answer.

    :raises FrameRejected: answers another message.
    """
    if len(payload) < 2 or payload[0] != tag:
        raise FrameRejected("answer to another login message")
    return payload[1]


def _accept(message: str, payload: bytes, tag: int, length: int) -> None:
    # An error answer may be no more than tag and status, so the status comes before the length.
    status = status_of(payload, tag)
    if status != Status.OK:
        raise LoginRefused(message, status)
    if len(payload) < length:
        raise FrameRejected(f"{message} is too short")


def open_request(tag: int, console_id: int, suite: CipherSuite) -> bytes:
    """RMCP+ Open Session Request for the highest privilege the user has (13.17)."""
    proposal = b"".join(
        struct.pack("<BHBBBH", kind, 0, 8, number, 0, 0)
        for kind, number in enumerate((suite.authentication, suite.integrity, suite.confidentiality))
    )
    return struct.pack("<BBHI", tag, 0, 0, console_id) + proposal


def parse_open_response(payload: bytes, tag: int, console_id: int, suite: CipherSuite) -> int:
    """The BMC's session id (13.18).

    :raises LoginRefused: status other than 0, or other algorithms than the asked ones.
    :raises FrameRejected: answers another message.
    """
    _accept("Open Session", payload, tag, 36)
    ours, theirs = struct.unpack_from("<II", payload, 4)
    if ours != console_id:
        raise FrameRejected("answer to another session")
    if (payload[16], payload[24], payload[32]) != (suite.authentication, suite.integrity, suite.confidentiality):
        raise LoginRefused("Open Session chose other algorithms than asked for", Status.NO_SUITE_MATCH)
    return int(theirs)


@dataclass(frozen=True)
class Exchange:
    """Everything both sides know before they prove the password to each other."""

    suite: CipherSuite
    console_id: int
    bmc_id: int
    console_random: bytes
    bmc_random: bytes
    guid: bytes
    privilege: Privilege
    name: bytes

    @property
    def _user(self) -> bytes:
        return bytes((_NAME_ONLY | self.privilege, len(self.name))) + self.name

    def bmc_proof(self, password: bytes) -> bytes:
        """Check value of RAKP message 2."""
        ids = struct.pack("<II", self.console_id, self.bmc_id)
        return self.suite.hmac(password, ids + self.console_random + self.bmc_random + self.guid + self._user)

    def console_proof(self, password: bytes) -> bytes:
        """Check value of RAKP message 3."""
        return self.suite.hmac(password, self.bmc_random + struct.pack("<I", self.console_id) + self._user)

    def _integrity_key(self, secret: bytes) -> bytes:
        return self.suite.hmac(secret, self.console_random + self.bmc_random + self._user)

    def keys(self, secret: bytes) -> SessionKeys:
        """K1 and K2.

        :param secret: the BMC key Kg where one is set, else the password.
        """
        sik = self._integrity_key(secret)
        return SessionKeys(self.suite, self.suite.hmac(sik, b"\x01" * 20), self.suite.hmac(sik, b"\x02" * 20)[:16])

    def session_proof(self, secret: bytes) -> bytes:
        """Check value of RAKP message 4."""
        data = self.console_random + struct.pack("<I", self.bmc_id) + self.guid
        return self.suite.hmac(self._integrity_key(secret), data)[: self.suite.check_length]


def rakp1(tag: int, bmc_id: int, console_random: bytes, privilege: Privilege, name: bytes) -> bytes:
    """RAKP message 1 (13.20): the user is looked up by name alone."""
    head = struct.pack("<BBHI", tag, 0, 0, bmc_id)
    return head + console_random + bytes((_NAME_ONLY | privilege, 0, 0, len(name))) + name


def parse_rakp2(payload: bytes, tag: int, console_id: int, suite: CipherSuite) -> tuple[bytes, bytes, bytes]:
    """The BMC's random number, its GUID and its check value (13.21).

    :raises LoginRefused: status other than 0.
    :raises FrameRejected: answers another message.
    """
    _accept("RAKP message 2", payload, tag, 40 + suite.digest_length)
    if struct.unpack_from("<I", payload, 4)[0] != console_id:
        raise FrameRejected("answer to another session")
    return payload[8:24], payload[24:40], payload[40 : 40 + suite.digest_length]


def rakp3(tag: int, bmc_id: int, proof: bytes) -> bytes:
    """RAKP message 3 (13.22)."""
    return struct.pack("<BBHI", tag, Status.OK, 0, bmc_id) + proof


def rakp3_refusal(tag: int, bmc_id: int) -> bytes:
    """RAKP message 3 that ends the exchange, so that the BMC frees the half-open session at once."""
    return struct.pack("<BBHI", tag, Status.INVALID_CHECK_VALUE, 0, bmc_id)


def parse_rakp4(payload: bytes, tag: int, console_id: int, suite: CipherSuite) -> bytes:
    """The BMC's last check value (13.23).

    :raises LoginRefused: status other than 0.
    :raises FrameRejected: answers another message.
    """
    _accept(_RAKP4, payload, tag, 8 + suite.check_length)
    if struct.unpack_from("<I", payload, 4)[0] != console_id:
        raise FrameRejected("answer to another session")
    return payload[8 : 8 + suite.check_length]
