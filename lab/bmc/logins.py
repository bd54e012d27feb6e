"""The sessions of a small BMC and how they come about (IPMI 2.0, sections 13.17 to 13.24)."""

from __future__ import annotations

import hmac
import os
import struct
from collections.abc import Callable

from lab.bmc.packets import OPEN, RAKP1, RAKP3, SUITES, Slot
from lab.bmc.temper import Temper
from lab.faults.live import LiveFaults
from lab.faults.rule import Action

__all__ = ["Logins"]

_HALF_OPEN_SECONDS, _IDLE_SECONDS = 5.0, 60.0
_NO_SLOT, _FORGOTTEN, _ROLE, _NAME, _CHECK, _SUITE = 0x01, 0x02, 0x0A, 0x0D, 0x0F, 0x11


class Logins:
    """One account, and sessions in slots.

    :ivar most_open: most sessions that were open at once.
    :ivar last_suite: number of the cipher suite of the last session that was opened.
    :ivar bad: logins with a wrong password since the last good one.
    """

    def __init__(
        self, user: bytes, password: bytes, guid: bytes, temper: Temper, faults: LiveFaults, clock: Callable[[], float]
    ) -> None:
        self.slots: dict[int, Slot] = {}
        self.most_open = 0
        self.bad = 0
        self.last_suite = 0
        self.temper = temper
        self.faults = faults
        self._user, self.password, self._guid = user, password, guid
        self._clock = clock
        self._locked_until = 0.0

    def answer(self, kind: int, payload: bytes) -> bytes:
        """The answer to a login message; empty for none."""
        if kind == OPEN:
            answer = self._open(payload)
        else:
            slot = self.slots.get(struct.unpack_from("<I", payload, 4)[0])
            if slot is None:
                return bytes((payload[0], _FORGOTTEN))
            answer = {RAKP1: self._rakp2, RAKP3: self._rakp4}[kind](slot, payload)
        self.most_open = max(self.most_open, len(self.slots))
        return answer

    def _open(self, payload: bytes) -> bytes:
        tag, theirs = payload[0], payload[4:8]
        suite = SUITES.get((payload[12], payload[20], payload[28]))
        if suite is None or suite.number not in self.temper.suites:
            return bytes((tag, _SUITE)) + bytes(2) + theirs
        rule = self.faults.pick(f"login:open:{suite.number}", Action.REFUSE, Action.DROP)
        if rule:
            return b"" if rule.action is Action.DROP else bytes((tag, rule.code)) + bytes(2) + theirs
        self._free_abandoned()
        number = struct.unpack("<I", theirs)[0]
        # A request that comes again gets the answer again, not another slot.
        ours = next((slot.ours for slot in self.slots.values() if slot.theirs == number and not slot.integrity), 0)
        if not ours:
            if len(self.slots) >= self.temper.slots:
                return bytes((tag, _NO_SLOT)) + bytes(2) + theirs
            ours = struct.unpack("<I", os.urandom(4))[0] or 1
            self.slots[ours] = Slot(ours, number, suite, since=self._clock())
        return bytes((tag, 0, 4, 0)) + theirs + struct.pack("<I", ours) + payload[8:32]

    def _free_abandoned(self) -> None:
        """Free what nobody has gone on with: half-open sessions soon, others by the book (section 6.12.15)."""
        now = self._clock()
        for slot in list(self.slots.values()):
            if now > slot.since + (_IDLE_SECONDS if slot.integrity else _HALF_OPEN_SECONDS):
                del self.slots[slot.ours]

    def _rakp2(self, slot: Slot, payload: bytes) -> bytes:
        again = bool(slot.random) and slot.their_random == payload[8:24]
        slot.their_random, slot.role, slot.name = payload[8:24], payload[24], payload[28 : 28 + payload[27]]
        theirs = struct.pack("<I", slot.theirs)
        refused = 0
        if (slot.role & 0x0F) > self.temper.highest_role:
            refused = _ROLE
        elif slot.name != self._user or self._clock() < self._locked_until:
            refused = _NAME
        if refused:
            del self.slots[slot.ours]
            return bytes((payload[0], refused, 0, 0)) + theirs
        if not again or self.temper.mixes_up:
            slot.random = os.urandom(16)
        check = slot.suite.hmac(
            self._secret(), theirs, struct.pack("<I", slot.ours), slot.their_random, slot.random, self._guid,
            bytes((slot.role, len(slot.name))), slot.name,
        )  # fmt: skip
        return bytes((payload[0], 0, 0, 0)) + theirs + slot.random + self._guid + check

    def _rakp4(self, slot: Slot, payload: bytes) -> bytes:
        if payload[1]:
            # The other side has found the check value of RAKP message 2 wrong.
            self._count_bad()
            del self.slots[slot.ours]
            return b""
        theirs = struct.pack("<I", slot.theirs)
        user = bytes((slot.role, len(slot.name))) + slot.name
        if not hmac.compare_digest(slot.suite.hmac(self._secret(), slot.random, theirs, user), payload[8:]):
            self._count_bad()
            del self.slots[slot.ours]
            return bytes((payload[0], _CHECK, 0, 0)) + theirs
        self.bad, self.last_suite = 0, slot.suite.number
        sik = slot.suite.hmac(self.temper.bmc_key or self._secret(), slot.their_random, slot.random, user)
        slot.integrity = slot.suite.hmac(sik, b"\x01" * 20)
        slot.confidentiality = slot.suite.hmac(sik, b"\x02" * 20)[:16]
        proof = slot.suite.hmac(sik, slot.their_random, struct.pack("<I", slot.ours), self._guid)
        return bytes((payload[0], 0, 0, 0)) + theirs + proof[: slot.suite.cut]

    def _secret(self) -> bytes:
        other = self.faults.standing("password", Action.OTHER_PASSWORD)
        return self.password[::-1] + b"-" if other else self.password

    def _count_bad(self) -> None:
        self.bad += 1
        self.faults.strike("password", Action.OTHER_PASSWORD)
        rule = self.faults.standing("bad login", Action.LOCK)
        if rule and self.bad > rule.after:
            self.faults.strike("bad login", Action.LOCK)
            self._locked_until = self._clock() + rule.latency
