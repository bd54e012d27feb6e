"""A small BMC for what ipmi_sim cannot play: cipher suite 17, faults by rules, hundreds in one process.

Written from IPMI 2.0 as the managed system sees it (sections 13.17 to 13.24, 22, 28); shares no code with the client.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator

from lab.bmc.commands import CLOSE_SESSION, Commands, event_of
from lab.bmc.flags import BootFlags, boot_clock
from lab.bmc.logins import Logins
from lab.bmc.machine import MemoryMachine, Wires
from lab.bmc.packets import OPEN, PLAIN, RAKP1, RAKP3, RMCP, SEALED, Slot, message, pong, seal, unseal
from lab.bmc.rack import Rack
from lab.bmc.temper import Temper
from lab.bmc.users import UserTable
from lab.faults.live import LiveFaults
from lab.faults.rule import Action, Rule

__all__ = ["Responder", "Temper"]

_ASF = b"\x06\x00\xff\x06"
_KINDS = {OPEN: "open", RAKP1: "rakp1", RAKP3: "rakp3", SEALED: "command"}


class Responder:
    """One BMC at one UDP port, served by a rack; without one given, by a rack of its own.

    Events that rules match: `in:ping|open|rakp1|rakp3|command` and `out:...` for datagrams, `login:open:<suite>`,
    `password`, `bad login`, and commands by :func:`lab.bmc.commands.event_of`.

    :param machine: what it is wired to; without one, a power bit in memory.
    :param port: 0 for a free one.
    :ivar log: each datagram as (payload type, IPMI netfn and command or None).
    :ivar faults: rules in force; may be replaced.
    :ivar users: how it treats its user.
    """

    def __init__(
        self,
        user: str,
        password: str,
        temper: Temper | None = None,
        *,
        address: str = "127.0.0.1",
        port: int = 0,
        machine: Wires | None = None,
        guid: bytes | None = None,
        faults: LiveFaults | None = None,
        rack: Rack | None = None,
    ) -> None:
        self.temper = temper or Temper()
        self.faults = faults or LiveFaults()
        self.machine = machine or MemoryMachine()
        self.log: list[tuple[int, tuple[int, int] | None]] = []
        identity = guid or os.urandom(16)
        self._logins = Logins(user.encode(), password.encode(), identity, self.temper, self.faults, boot_clock)
        self.users = UserTable()
        accounts = self.users.commands(user.encode(), lambda: self._logins.password, self._keep_password)
        self._commands = Commands(self.machine, identity, self.temper, self.faults, boot_clock, accounts)
        self._dark_until = 0.0
        self._own_rack = Rack() if rack is None else None
        self._rack = rack or self._own_rack
        assert self._rack
        self.address, self.port = self._rack.add(self, address, port)

    @property
    def executed(self) -> list[int]:
        """Chassis controls carried out, by number, in order."""
        return self._commands.executed

    @property
    def options(self) -> dict[int, bytes]:
        return self._commands.options

    @property
    def restore(self) -> int:
        """Power restore policy, by number."""
        return self.machine.restore()

    @restore.setter
    def restore(self, value: int) -> None:
        self.machine.set_restore(value)

    @property
    def most_open(self) -> int:
        """Most sessions that were open at once."""
        return self._logins.most_open

    @property
    def last_suite(self) -> int:
        """Cipher suite of the last session that was opened; 0 before the first."""
        return self._logins.last_suite

    def set_password(self, password: str) -> None:
        self._keep_password(password.encode())

    def _keep_password(self, password: bytes) -> None:
        self._logins.password = password

    @property
    def bad_logins(self) -> int:
        """Logins with a wrong password since the last good one."""
        return self._logins.bad

    @property
    def open_slots(self) -> int:
        return len(self._logins.slots)

    @property
    def open_sessions(self) -> int:
        """Slots of those that have logged in; a login that was given up holds one too, until the BMC forgets it."""
        return sum(bool(slot.integrity) for slot in self._logins.slots.values())

    @property
    def memory(self) -> MemoryMachine:
        """The machine of a BMC that is wired to none."""
        assert isinstance(self.machine, MemoryMachine)
        return self.machine

    @property
    def power(self) -> int:
        return self.memory.power

    @power.setter
    def power(self, value: int) -> None:
        self.memory.power = value

    @property
    def flags(self) -> bytes:
        return self.memory.kept.data

    @flags.setter
    def flags(self, value: bytes) -> None:
        self.memory.kept = BootFlags(value)

    def forget_sessions(self) -> None:
        """What a restart does."""
        self._logins.slots.clear()

    def close(self) -> None:
        """Answer nobody any more; returns when the port is free."""
        if self._rack:
            self._rack.remove(self)
        if self._own_rack:
            self._own_rack.close()

    def answer(self, datagram: bytes) -> Iterator[tuple[float, bytes]]:
        """Answers to one datagram, each with the seconds that it comes late. A real BMC drops what it cannot read."""
        if boot_clock() < self._dark_until:
            return
        came = f"in:{_name(datagram)}"
        if self.faults.pick(came, Action.DROP):
            return
        delay = self.faults.pick(came, Action.DELAY)
        # A datagram that the network has doubled comes in twice.
        for _ in range(2 if self.faults.pick(came, Action.DOUBLE) else 1):
            try:
                answers = self._respond(datagram)
            except (IndexError, KeyError, ValueError, struct.error):
                continue
            for answer in answers:
                goes = f"out:{_name(datagram)}"
                if self.faults.pick(goes, Action.DROP):
                    continue
                for _ in range(2 if self.faults.pick(goes, Action.DOUBLE) else 1):
                    yield delay.latency if delay else 0.0, answer

    def _respond(self, datagram: bytes) -> list[bytes]:
        if datagram[:4] == _ASF:
            return [pong(datagram)] if datagram[8] == 0x80 else []
        if datagram[:4] != RMCP:
            return []
        if datagram[4] == 0:
            return self._sessionless(datagram)
        kind, session, _, length = struct.unpack_from("<BIIH", datagram, 5)
        self.log.append((kind, None))
        if kind in self.temper.silent:
            return []
        if self.temper.drop.get(kind, 0) > 0:
            self.temper.drop[kind] -= 1
            return []
        if kind == SEALED:
            return self._sealed(self._logins.slots[session], datagram)
        answer = self._logins.answer(kind, datagram[16 : 16 + length])
        return [RMCP + b"\x06" + struct.pack("<BIIH", kind + 1, 0, 0, len(answer)) + answer] if answer else []

    def _sessionless(self, datagram: bytes) -> list[bytes]:
        request = datagram[14 : 14 + datagram[13]]
        answer = message(0x07, request[4] >> 2, request[5], self._commands.outside(request[5], request[6:-1]))
        return [PLAIN + bytes((len(answer),)) + answer]

    def _sealed(self, slot: Slot, datagram: bytes) -> list[bytes]:
        request = unseal(slot, datagram)
        if request is None:
            return []
        slot.since = boot_clock()
        netfn, number, command, data = request[1] >> 2, request[4] >> 2, request[5], request[6:-1]
        self.log[-1] = (SEALED, (netfn, command))
        event = event_of(netfn, command, data)
        if (netfn, command) != CLOSE_SESSION and (rule := self.faults.pick(event, Action.FREEZE)):
            self._dark_until = boot_clock() + rule.latency
            return []
        body = self._commands.execute(netfn, command, data)
        if rule := self.faults.pick(event, Action.RESTART):
            self._restart(rule)
            return []
        answers = [seal(slot, message(netfn + 1, number, command, body)) for _ in range(2 if self.temper.double else 1)]
        if (netfn, command) == CLOSE_SESSION:
            self._logins.slots.pop(slot.ours, None)
        return answers

    def _restart(self, rule: Rule) -> None:
        self._dark_until = boot_clock() + rule.latency
        self.forget_sessions()


def _name(datagram: bytes) -> str:
    """What rules call a datagram."""
    if datagram[:4] == _ASF:
        return "ping"
    return _KINDS.get(datagram[5], "other") if len(datagram) > 5 and datagram[4] else "outside"
