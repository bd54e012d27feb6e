"""The IPMI commands of a small BMC (IPMI 2.0, sections 20, 22 and 28)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

from lab.bmc.machine import CYCLE, DIAGNOSTIC, OFF, ON, RESET, SOFT, Wires
from lab.bmc.packets import SUITES
from lab.bmc.temper import Temper
from lab.faults.live import LiveFaults
from lab.faults.rule import Action

__all__ = ["CLOSE_SESSION", "Commands", "event_of"]

CLOSE_SESSION = (6, 0x3C)
_OK, _BUSY, _UNKNOWN, _UNSUPPORTED, _UNSPECIFIED = b"\x00", b"\xc0", b"\xc1", b"\x80", b"\xff"
_CONTROLS = {OFF: "off", ON: "on", CYCLE: "cycle", RESET: "reset", DIAGNOSTIC: "diagnostic", SOFT: "soft"}
_STARTING = (ON, CYCLE, RESET)
_FLAGS, _CLEARING = 5, 3
_KEEP_VALID = 0x08
_NAMES = {
    (6, 0x01): "device",
    (6, 0x37): "guid",
    (6, 0x3B): "privilege",
    CLOSE_SESSION: "close",
    (0, 0x01): "status",
    (0, 0x06): "restore",
    (0, 0x08): "set option",
    (0, 0x09): "get option",
}


def event_of(netfn: int, command: int, data: bytes) -> str:
    """What rules match a command by: `ask:control:off`, `ask:set option:5`, `ask:status`, else `ask:6/0x54`."""
    if (netfn, command) == (0, 0x02):
        return f"ask:control:{_CONTROLS.get(data[0] & 0x0F, data[0])}"
    name = _NAMES.get((netfn, command))
    if name is None:
        return f"ask:{netfn}/{command:#04x}"
    return f"ask:{name}:{data[0] & 0x7F}" if name.endswith("option") else f"ask:{name}"


class Commands:
    """Carries out commands on the machine behind the BMC.

    :param more: further commands, by netfn and number.
    :ivar executed: chassis controls carried out, by number, in order.
    :ivar options: boot options as they were set, by number, without the boot flags.
    """

    def __init__(
        self,
        machine: Wires,
        guid: bytes,
        temper: Temper,
        faults: LiveFaults,
        clock: Callable[[], float],
        more: Mapping[tuple[int, int], Callable[[bytes], bytes]] | None = None,
    ) -> None:
        self.temper = temper
        self.faults = faults
        self.executed: list[int] = []
        self.options: dict[int, bytes] = {}
        self._machine = machine
        self._guid = guid
        self._more = dict(more or {})
        self._clock = clock
        self._shown_late: list[int] = []
        self._shown_until = 0.0
        self._shown = 0

    def execute(self, netfn: int, command: int, data: bytes) -> bytes:
        """The answer's completion code and data."""
        commands: dict[tuple[int, int], Callable[[bytes], bytes]] = {
            (6, 0x01): self._device_id,
            (6, 0x37): lambda data: _OK + self._guid,
            (6, 0x3B): self._privilege,
            (6, 0x54): self.cipher_suites,
            CLOSE_SESSION: lambda data: _OK,
            (0, 0x01): self._status,
            (0, 0x02): self._control,
            (0, 0x06): self._set_restore,
            (0, 0x08): self._set_option,
            (0, 0x09): self._get_option,
            **self._more,
        }
        if self.temper.busy > 0 and netfn == 0:
            self.temper.busy -= 1
            return _BUSY
        rule = self.faults.pick(event_of(netfn, command, data), Action.REFUSE)
        if rule:
            return bytes((rule.code,))
        handler = commands.get((netfn, command))
        return handler(data) if handler else _UNKNOWN

    def outside(self, command: int, data: bytes) -> bytes:
        """What is answered without a session, likewise."""
        if command == 0x38:
            return bytes((0, 0x01, 0x80, 0x04, 0x02, 0, 0, 0, 0))
        if command == 0x54:
            return self.cipher_suites(data)
        if command == 0x37:
            return _OK + self._guid
        return _UNKNOWN

    def cipher_suites(self, data: bytes) -> bytes:
        records = b"".join(
            bytes((0xC0, suite.number, auth, 0x40 | integrity, 0x80 | confidentiality))
            for (auth, integrity, confidentiality), suite in SUITES.items()
            if suite.number in self.temper.suites
            and not self.faults.standing(f"login:open:{suite.number}", Action.REFUSE)
        )
        start = (data[2] & 0x3F) * 16
        return bytes((0, 0x01)) + records[start : start + 16]

    def _device_id(self, data: bytes) -> bytes:
        return bytes((0, 0x23, 1, 9, 0x18, 2, 0x9F)) + struct.pack("<I", self.temper.manufacturer)[:3] + b"\x02\x0f"

    def _privilege(self, data: bytes) -> bytes:
        return bytes((0, data[0])) if data[0] <= self.temper.highest else b"\x81"

    def _status(self, data: bytes) -> bytes:
        power = int(self._machine.is_on())
        if self._shown_late:
            power = self._shown_late.pop(0)
        elif self._clock() < self._shown_until:
            power = self._shown
        return bytes((0, power | self._machine.restore() << 5, 0, 0))

    def _set_restore(self, data: bytes) -> bytes:
        if self.temper.no_restore:
            return bytes((self.temper.no_restore,))
        if self.temper.forgets_restore > 0:
            self.temper.forgets_restore -= 1
        elif data[0] < 3 and self.temper.restores >> data[0] & 1:
            self._machine.set_restore(data[0])
        return bytes((0, self.temper.restores))

    def _control(self, data: bytes) -> bytes:
        number = data[0] & 0x0F
        event = event_of(0, 0x02, data)
        if self.temper.deaf_power > 0:
            self.temper.deaf_power -= 1
            return _OK
        if self.faults.pick(event, Action.IGNORE):
            return _OK
        self.executed.append(number)
        if self.temper.lag:
            self._shown_late = [int(self._machine.is_on())] * self.temper.lag
        if late := self.faults.pick(event, Action.LAG):
            self._shown, self._shown_until = int(self._machine.is_on()), self._clock() + late.latency
        flags = self._machine.flags()
        # Valid, and not persistent: a one-shot.
        if number in _STARTING and flags[0] & 0xC0 == 0x80 and self.faults.pick(event, Action.LOSE):
            self._machine.set_flags(bytes(5), lasting=True)
        return _OK if self._machine.control(number) else _UNSPECIFIED

    def _set_option(self, data: bytes) -> bytes:
        number = data[0] & 0x7F
        if number != _FLAGS:
            self.options[number] = data[1:]
            return _OK
        if self.temper.forgets_flags > 0:
            self.temper.forgets_flags -= 1
        elif not self.faults.pick(f"ask:set option:{_FLAGS}", Action.IGNORE):
            lasting = bool(self.options.get(_CLEARING, b"\x00")[0] & _KEEP_VALID)
            self._machine.set_flags(data[1:6], lasting=lasting)
        return _OK

    def _get_option(self, data: bytes) -> bytes:
        number = data[0] & 0x7F
        if number == _FLAGS:
            return bytes((0, 1, _FLAGS)) + self._machine.flags()
        kept = self.options.get(number)
        return _UNSUPPORTED if kept is None else bytes((0, 1, number)) + kept
