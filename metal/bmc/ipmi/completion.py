"""Completion codes (IPMI 2.0 table 5-2) in words, and what they mean to a caller."""

from __future__ import annotations

from metal.bmc.failure import failure
from metal.bmc.rmcp.frames import Reply
from metal.errors import BmcFault
from metal.settings.access import BmcAddress

__all__ = ["BUSY", "NOT_SUPPORTED", "NO_COMMAND", "describe", "require"]

BUSY = 0xC0
NOT_SUPPORTED = 0x80
NO_COMMAND = frozenset({0xC1, 0xC2, 0xD6})
"""A BMC that does not have the command, or has it switched off."""
_PRIVILEGE = 0xD4

_WORDS = {
    0x80: "parameter not supported",
    BUSY: "node busy",
    0xC1: "command not supported",
    0xC2: "command not supported for this LUN",
    0xC3: "time-out while the BMC processed it",
    0xC4: "out of space",
    0xC5: "reservation cancelled",
    0xC7: "wrong request length",
    0xC8: "request too long",
    0xC9: "parameter out of range",
    0xCA: "cannot return that many bytes",
    0xCB: "sensor, data or record not present",
    0xCC: "invalid field in the request",
    0xCE: "answer could not be provided",
    0xCF: "duplicated request",
    0xD0: "repository in update mode",
    0xD1: "firmware update under way",
    0xD2: "BMC initialisation under way",
    _PRIVILEGE: "insufficient privilege",
    0xD5: "not possible in the present state",
    0xD6: "command disabled or not available",
    0xFF: "unspecified error",
}


def describe(code: int) -> str:
    return f"completion code {code:#04x} ({_WORDS.get(code, 'unknown')})"


def require(address: BmcAddress, what: str, reply: Reply, length: int = 0) -> bytes:
    """The data of a successful answer of at least `length` bytes; surplus bytes are cut.

    :param what: the command's name, for the error.
    :param length: 0 for an answer whose data nobody reads.
    :raises BmcError: PRIVILEGE, COMMAND or PROTOCOL.
    """
    if reply.code:
        fault = BmcFault.PRIVILEGE if reply.code == _PRIVILEGE else BmcFault.COMMAND
        raise failure(address, fault, f"refuses {what}", seen=describe(reply.code), code=reply.code)
    if len(reply.data) < length:
        seen = f"{len(reply.data)} bytes of data where {length} are due"
        raise failure(address, BmcFault.PROTOCOL, f"short answer to {what}", seen=seen)
    return reply.data[:length]
