"""A small BMC for what ipmi_sim cannot play: cipher suite 17, silent or double answers, few sessions, refusals.

Written from IPMI 2.0 as the managed system sees it (sections 13.17 to 13.24, 22, 28); shares no code with the client.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

__all__ = ["Responder", "Temper"]

_SUITES = {(1, 1, 1): (3, hashlib.sha1, 12), (3, 4, 1): (17, hashlib.sha256, 16)}
_OPEN, _RAKP1, _RAKP3, _SEALED = 0x10, 0x12, 0x14, 0xC0


@dataclass
class Temper:
    """How this BMC behaves; may be changed while it runs.

    :ivar slots: sessions at once, half-open ones included.
    :ivar suites: cipher suites it takes.
    :ivar highest: highest privilege that Set Session Privilege Level grants.
    :ivar highest_role: highest privilege that RAKP message 1 may ask for.
    :ivar silent: payload types it receives and does not answer.
    :ivar drop: payload type -> so many of the next ones it receives and does not answer.
    :ivar busy: so many of the next commands are answered 0xC0 and not carried out.
    :ivar double: answers each command twice.
    :ivar bmc_key: Kg, in place of the password under the session's keys.
    :ivar forgets_flags: accepts boot flags so many times without keeping them.
    :ivar deaf_power: accepts so many chassis controls without carrying them out.
    :ivar lag: so many status reads show the old power after a control.
    """

    slots: int = 8
    suites: frozenset[int] = frozenset({3, 17})
    highest: int = 4
    highest_role: int = 4
    silent: set[int] = field(default_factory=set)
    drop: dict[int, int] = field(default_factory=dict)
    busy: int = 0
    double: bool = False
    bmc_key: bytes | None = None
    forgets_flags: int = 0
    deaf_power: int = 0
    lag: int = 0
    manufacturer: int = 0x1291


@dataclass
class _Slot:
    ours: int
    theirs: int
    suite: tuple[int, int, int]
    random: bytes = b""
    their_random: bytes = b""
    role: int = 0
    name: bytes = b""
    integrity: bytes = b""
    confidentiality: bytes = b""
    sequence: int = 0
    seen: set[int] = field(default_factory=set)


class Responder:
    """Serves one UDP port of a loopback address in a thread of its own.

    :ivar executed: chassis controls carried out, by number, in order.
    :ivar log: each datagram as (payload type, IPMI netfn and command or None).
    :ivar most_open: most sessions that were open at once.
    """

    def __init__(self, user: str, password: str, temper: Temper | None = None, *, address: str = "127.0.0.1") -> None:
        self.temper = temper or Temper()
        self.power = 0
        self.flags = bytes(5)
        self.options: dict[int, bytes] = {}
        self.executed: list[int] = []
        self.log: list[tuple[int, tuple[int, int] | None]] = []
        self.most_open = 0
        self._user = user.encode()
        self._password = password.encode()
        self._slots: dict[int, _Slot] = {}
        self._shown_late: list[int] = []
        self._guid = os.urandom(16)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, 0))
        self.address, self.port = self._socket.getsockname()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def open_slots(self) -> int:
        return len(self._slots)

    def forget_sessions(self) -> None:
        """What a restart does."""
        self._slots.clear()

    def close(self) -> None:
        self._socket.sendto(b"", (self.address, self.port))
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            datagram, peer = self._socket.recvfrom(2048)
            if not datagram:
                return
            try:
                answers = self._answer(datagram)
            except (IndexError, KeyError, ValueError, struct.error):
                continue  # a real BMC drops what it cannot read
            for answer in answers:
                self._socket.sendto(answer, peer)

    def _answer(self, datagram: bytes) -> list[bytes]:
        if datagram[:4] != b"\x06\x00\xff\x07":
            return []
        if datagram[4] == 0:
            return self._sessionless(datagram)
        kind, session, _, length = struct.unpack_from("<BIIH", datagram, 5)
        payload = datagram[16 : 16 + length]
        self.log.append((kind, None))
        if kind in self.temper.silent:
            return []
        if self.temper.drop.get(kind, 0) > 0:
            self.temper.drop[kind] -= 1
            return []
        if kind == _SEALED:
            return self._sealed(self._slots[session], datagram)
        handler = {_OPEN: self._open, _RAKP1: self._rakp2, _RAKP3: self._rakp4}[kind]
        answer = handler(payload)
        self.most_open = max(self.most_open, len(self._slots))
        return [b"\x06\x00\xff\x07\x06" + struct.pack("<BIIH", kind + 1, 0, 0, len(answer)) + answer] if answer else []

    # Outside a session

    def _sessionless(self, datagram: bytes) -> list[bytes]:
        message = datagram[14 : 14 + datagram[13]]
        command, data = message[5], message[6:-1]
        if command == 0x38:
            body = bytes((0, 0x01, 0x80, 0x04, 0x02, 0, 0, 0, 0))
        elif command == 0x54:
            records = b"".join(
                bytes((0xC0, number, auth, 0x40 | integrity, 0x80 | confidentiality))
                for (auth, integrity, confidentiality), (number, _, _) in _SUITES.items()
                if number in self.temper.suites
            )
            start = (data[2] & 0x3F) * 16
            body = bytes((0, 0x01)) + records[start : start + 16]
        else:
            body = b"\xc1"
        answer = _message(0x07, message[4] >> 2, command, body)
        return [b"\x06\x00\xff\x07" + bytes(9) + bytes((len(answer),)) + answer]

    # Login

    def _open(self, payload: bytes) -> bytes:
        tag, theirs = payload[0], payload[4:8]
        suite = (payload[12], payload[20], payload[28])
        if suite not in _SUITES or _SUITES[suite][0] not in self.temper.suites:
            return bytes((tag, 0x11)) + bytes(2) + theirs
        if len(self._slots) >= self.temper.slots:
            return bytes((tag, 0x01)) + bytes(2) + theirs
        ours = struct.unpack("<I", os.urandom(4))[0] or 1
        self._slots[ours] = _Slot(ours, struct.unpack("<I", theirs)[0], suite)
        return bytes((tag, 0, 4, 0)) + theirs + struct.pack("<I", ours) + payload[8:32]

    def _hmac(self, slot: _Slot, key: bytes, *parts: bytes) -> bytes:
        return hmac.new(key, b"".join(parts), _SUITES[slot.suite][1]).digest()

    def _find(self, payload: bytes) -> _Slot | None:
        return self._slots.get(struct.unpack_from("<I", payload, 4)[0])

    def _rakp2(self, payload: bytes) -> bytes:
        slot = self._find(payload)
        if slot is None:
            return bytes((payload[0], 0x02))
        slot.their_random, slot.role, slot.name = payload[8:24], payload[24], payload[28 : 28 + payload[27]]
        head = bytes((payload[0],))
        theirs = struct.pack("<I", slot.theirs)
        for refused, status in (((slot.role & 0x0F) > self.temper.highest_role, 0x0A), (slot.name != self._user, 0x0D)):
            if refused:
                del self._slots[slot.ours]
                return head + bytes((status, 0, 0)) + theirs
        slot.random = os.urandom(16)
        check = self._hmac(
            slot, self._password, theirs, struct.pack("<I", slot.ours), slot.their_random, slot.random, self._guid,
            bytes((slot.role, len(slot.name))), slot.name,
        )  # fmt: skip
        return head + bytes(3) + theirs + slot.random + self._guid + check

    def _rakp4(self, payload: bytes) -> bytes:
        slot = self._find(payload)
        if slot is None:
            return bytes((payload[0], 0x02))
        theirs = struct.pack("<I", slot.theirs)
        if payload[1]:
            del self._slots[slot.ours]
            return b""
        user = bytes((slot.role, len(slot.name))) + slot.name
        if not hmac.compare_digest(self._hmac(slot, self._password, slot.random, theirs, user), payload[8:]):
            del self._slots[slot.ours]
            return bytes((payload[0], 0x0F, 0, 0)) + theirs
        sik = self._hmac(slot, self.temper.bmc_key or self._password, slot.their_random, slot.random, user)
        slot.integrity = self._hmac(slot, sik, b"\x01" * 20)
        slot.confidentiality = self._hmac(slot, sik, b"\x02" * 20)[:16]
        proof = self._hmac(slot, sik, slot.their_random, struct.pack("<I", slot.ours), self._guid)
        return bytes((payload[0], 0, 0, 0)) + theirs + proof[: _SUITES[slot.suite][2]]

    # Inside a session

    def _sealed(self, slot: _Slot, datagram: bytes) -> list[bytes]:
        cut = _SUITES[slot.suite][2]
        span, check = datagram[4:-cut], datagram[-cut:]
        sequence, length = struct.unpack_from("<IH", datagram, 10)
        if not slot.integrity or self._hmac(slot, slot.integrity, span)[:cut] != check or sequence in slot.seen:
            return []
        slot.seen.add(sequence)
        iv, cipher = datagram[16:32], datagram[32 : 16 + length]
        decryptor = Cipher(algorithms.AES(slot.confidentiality), modes.CBC(iv)).decryptor()
        plain = decryptor.update(cipher) + decryptor.finalize()
        pad = plain[-1]
        if plain[len(plain) - 1 - pad : -1] != bytes(range(1, pad + 1)) or sum(plain[: -1 - pad]) & 0xFF:
            return []
        message = plain[: -1 - pad]
        netfn, number, command, data = message[1] >> 2, message[4] >> 2, message[5], message[6:-1]
        self.log[-1] = (_SEALED, (netfn, command))
        body = self._execute(slot, netfn, command, data)
        answers = []
        for _ in range(2 if self.temper.double else 1):
            slot.sequence += 1
            answers.append(self._seal(slot, _message(netfn + 1, number, command, body)))
        if (netfn, command) == (6, 0x3C):
            self._slots.pop(slot.ours, None)
        return answers

    def _seal(self, slot: _Slot, message: bytes) -> bytes:
        pad = (15 - len(message)) % 16
        iv = os.urandom(16)
        encryptor = Cipher(algorithms.AES(slot.confidentiality), modes.CBC(iv)).encryptor()
        text = encryptor.update(message + bytes(range(1, pad + 1)) + bytes((pad,))) + encryptor.finalize()
        head = struct.pack("<BBIIH", 6, _SEALED, slot.theirs, slot.sequence, len(iv + text))
        span = head + iv + text
        while (len(span) + 2) % 4:
            span += b"\xff"
        filled = len(span) - len(head + iv + text)
        span += bytes((filled, 7))
        return b"\x06\x00\xff\x07" + span + self._hmac(slot, slot.integrity, span)[: _SUITES[slot.suite][2]]

    def _execute(self, slot: _Slot, netfn: int, command: int, data: bytes) -> bytes:
        commands: dict[tuple[int, int], Callable[[bytes], bytes]] = {
            (6, 0x01): self._device_id,
            (6, 0x3B): self._privilege,
            (6, 0x3C): lambda data: b"\x00",
            (0, 0x01): self._status,
            (0, 0x02): self._control,
            (0, 0x08): self._set_option,
            (0, 0x09): self._get_option,
        }
        if self.temper.busy > 0 and netfn == 0:
            self.temper.busy -= 1
            return b"\xc0"
        handler = commands.get((netfn, command))
        return handler(data) if handler else b"\xc1"

    def _device_id(self, data: bytes) -> bytes:
        return bytes((0, 0x23, 1, 9, 0x18, 2, 0x9F)) + struct.pack("<I", self.temper.manufacturer)[:3] + b"\x02\x0f"

    def _privilege(self, data: bytes) -> bytes:
        return bytes((0, data[0])) if data[0] <= self.temper.highest else b"\x81"

    def _status(self, data: bytes) -> bytes:
        shown = self._shown_late.pop(0) if self._shown_late else self.power
        return bytes((0, shown, 0, 0))

    def _control(self, data: bytes) -> bytes:
        if self.temper.deaf_power > 0:
            self.temper.deaf_power -= 1
            return b"\x00"
        self.executed.append(data[0])
        self._shown_late = [self.power] * self.temper.lag
        self.power = {0: 0, 1: 1, 2: 1, 3: 1, 5: 0}.get(data[0], self.power)
        return b"\x00"

    def _set_option(self, data: bytes) -> bytes:
        if data[0] != 5:
            self.options[data[0]] = data[1:]
            return b"\x00"
        if self.temper.forgets_flags > 0:
            self.temper.forgets_flags -= 1
        else:
            self.flags = data[1:6]
        return b"\x00"

    def _get_option(self, data: bytes) -> bytes:
        if data[0] != 5:
            return b"\x80"
        return bytes((0, 1, 5)) + self.flags


def _message(netfn: int, number: int, command: int, body: bytes) -> bytes:
    head = bytes((0x81, netfn << 2))
    rest = bytes((0x20, number << 2, command)) + body
    return head + bytes((-sum(head) & 0xFF,)) + rest + bytes((-sum(rest) & 0xFF,))
