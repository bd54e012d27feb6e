"""Datagrams of RMCP+ as the managed system sees them (IPMI 2.0, sections 13.6, 13.8, 13.28 to 13.31). No I/O."""

from __future__ import annotations

import hashlib
import hmac
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

__all__ = [
    "OPEN",
    "PLAIN",
    "RAKP1",
    "RAKP3",
    "RMCP",
    "SEALED",
    "SUITES",
    "Slot",
    "Suite",
    "message",
    "pong",
    "seal",
    "unseal",
]

RMCP = b"\x06\x00\xff\x07"
OPEN, RAKP1, RAKP3, SEALED = 0x10, 0x12, 0x14, 0xC0
PLAIN = b"\x06\x00\xff\x07" + bytes(9)
"""Head of a message outside of any session (IPMI 1.5 format, no authentication)."""


def pong(ping: bytes) -> bytes:
    """The answer to an RMCP presence ping: an IPMI device is here (ASF 2.0, section 3.2.4.3)."""
    enterprise, entities = bytes.fromhex("000011be") + bytes(4), b"\x81\x00"
    body = enterprise + entities + bytes(6)
    return bytes.fromhex("0600ff06000011be40") + ping[9:10] + b"\x00" + bytes((len(body),)) + body


@dataclass(frozen=True)
class Suite:
    """A cipher suite (section 22.15.2).

    :ivar cut: bytes kept of an integrity check value.
    """

    number: int
    algorithms: tuple[int, int, int]
    digest: Callable[..., Any]
    cut: int

    def hmac(self, key: bytes, *parts: bytes) -> bytes:
        return hmac.new(key, b"".join(parts), self.digest).digest()


SUITES = {
    suite.algorithms: suite
    for suite in (Suite(3, (1, 1, 1), hashlib.sha1, 12), Suite(17, (3, 4, 1), hashlib.sha256, 16))
}


@dataclass
class Slot:
    """One session, half open until it has keys.

    :ivar since: boot-clock second of its last sign of life.
    :ivar seen: session sequence numbers that came in; a number that comes again is dropped.
    """

    ours: int
    theirs: int
    suite: Suite
    since: float
    random: bytes = b""
    their_random: bytes = b""
    role: int = 0
    name: bytes = b""
    integrity: bytes = b""
    confidentiality: bytes = b""
    sequence: int = 0
    seen: set[int] = field(default_factory=set)


def message(netfn: int, number: int, command: int, body: bytes) -> bytes:
    """An IPMI answer; `body` begins with the completion code."""
    head = bytes((0x81, netfn << 2))
    rest = bytes((0x20, number << 2, command)) + body
    return head + bytes((-sum(head) & 0xFF,)) + rest + bytes((-sum(rest) & 0xFF,))


def unseal(slot: Slot, datagram: bytes) -> bytes | None:
    """The request in a sealed frame; None for one that is altered, repeated, or sealed with other keys."""
    cut = slot.suite.cut
    span, check = datagram[4:-cut], datagram[-cut:]
    sequence, length = struct.unpack_from("<IH", datagram, 10)
    if not slot.integrity or sequence in slot.seen:
        return None
    if not hmac.compare_digest(slot.suite.hmac(slot.integrity, span)[:cut], check):
        return None
    slot.seen.add(sequence)
    iv, text = datagram[16:32], datagram[32 : 16 + length]
    decryptor = Cipher(algorithms.AES(slot.confidentiality), modes.CBC(iv)).decryptor()
    plain = decryptor.update(text) + decryptor.finalize()
    pad = plain[-1]
    if plain[len(plain) - 1 - pad : -1] != bytes(range(1, pad + 1)) or sum(plain[: -1 - pad]) & 0xFF:
        return None
    return plain[: -1 - pad]


def seal(slot: Slot, answer: bytes) -> bytes:
    """A sealed frame under the session's next sequence number."""
    slot.sequence += 1
    pad = (15 - len(answer)) % 16
    iv = os.urandom(16)
    encryptor = Cipher(algorithms.AES(slot.confidentiality), modes.CBC(iv)).encryptor()
    text = encryptor.update(answer + bytes(range(1, pad + 1)) + bytes((pad,))) + encryptor.finalize()
    head = struct.pack("<BBIIH", 6, SEALED, slot.theirs, slot.sequence, len(iv + text))
    span = head + iv + text
    while (len(span) + 2) % 4:
        span += b"\xff"
    filled = len(span) - len(head + iv + text)
    span += bytes((filled, 7))
    return RMCP + span + slot.suite.hmac(slot.integrity, span)[: slot.suite.cut]
