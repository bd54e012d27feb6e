"""What a small BMC is wired to: a machine in memory, or the power switch and boot flags of a lab's host."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path
from typing import Protocol

from lab.bmc.configuration import CHASSIS
from lab.bmc.flags import BootFlags, boot_clock, read_flags, write_flags
from lab.bmc.restore import read_restore, write_restore

__all__ = ["OFF", "ON", "MemoryMachine", "WiredMachine", "Wires"]

OFF, ON, CYCLE, RESET, DIAGNOSTIC, SOFT = range(6)
"""Chassis controls (IPMI 2.0, section 28.3)."""
_FLAG_SECONDS = 60
_CYCLE_SECONDS = 5.0


class Wires(Protocol):
    """The machine behind a BMC."""

    def is_on(self) -> bool: ...

    def control(self, number: int) -> bool:
        """Carry out a chassis control; False when that failed."""

    def flags(self) -> bytes:
        """Five bytes of boot flags, the valid bit gone where its time is over."""

    def set_flags(self, flags: bytes, *, lasting: bool) -> None:
        """Keep boot flags.

        :param lasting: the valid bit is not to go after a minute without a boot.
        """

    def restore(self) -> int:
        """The power restore policy, by number."""

    def set_restore(self, policy: int) -> None: ...


class MemoryMachine:
    """No more than a power bit, boot flags and a power restore policy.

    :ivar boots: the boot device that each start obeyed, in order.
    """

    def __init__(self) -> None:
        self.power = 0
        self.kept = BootFlags()
        self.policy = 0
        self.boots: list[str] = []

    def is_on(self) -> bool:
        return bool(self.power)

    def control(self, number: int) -> bool:
        starts = {ON: not self.power, CYCLE: True, RESET: bool(self.power)}.get(number, False)
        self.power = {OFF: 0, ON: 1, CYCLE: 1, RESET: self.power, SOFT: 0}.get(number, self.power)
        if starts:
            self.boots.append(self.kept.device if self.kept.valid(0) else "default")
            self.kept = self.kept.consumed()
        return True

    def flags(self) -> bytes:
        return self.kept.data

    def set_flags(self, flags: bytes, *, lasting: bool) -> None:
        self.kept = BootFlags(flags)

    def restore(self) -> int:
        return self.policy

    def set_restore(self, policy: int) -> None:
        self.policy = policy


class WiredMachine:
    """A host of a lab, by the very files and the very program that ipmi_sim is wired to it with.

    :param directory: of the machine.
    :param flags: file of the boot flags.
    :param restore: file of the power restore policy.
    """

    def __init__(self, directory: Path, flags: Path, restore: Path) -> None:
        self._directory = directory
        self._flags = flags
        self._restore = restore

    def is_on(self) -> bool:
        return self._chassis("get", "power").stdout.strip() == b"power:1"

    def control(self, number: int) -> bool:
        if number == CYCLE:
            return self._cycle()
        words = {OFF: ("power", "0"), ON: ("power", "1"), RESET: ("reset", "1"), SOFT: ("shutdown", "1")}.get(number)
        return words is None or self._chassis("set", *words).returncode == 0

    def _cycle(self) -> bool:
        """Off, seen off, on; nobody is answered meanwhile, as with ipmi_sim."""
        self._chassis("set", "power", "0")
        end = time.monotonic() + _CYCLE_SECONDS
        while self.is_on():
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        return self._chassis("set", "power", "1").returncode == 0

    def flags(self) -> bytes:
        kept = read_flags(self._flags)
        return kept.data if kept.valid(boot_clock()) else bytes((kept.data[0] & 0x7F,)) + kept.data[1:]

    def set_flags(self, flags: bytes, *, lasting: bool) -> None:
        expires = flags[0] & 0x80 and not lasting
        write_flags(self._flags, BootFlags(flags, int(boot_clock()) + _FLAG_SECONDS if expires else 0))

    def restore(self) -> int:
        return read_restore(self._restore)

    def set_restore(self, policy: int) -> None:
        write_restore(self._restore, policy)

    def _chassis(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["/bin/sh", str(CHASSIS), str(self._directory), *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=False,
            # The machine must get the signals that its BMC's process blocks to wait for.
            preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_SETMASK, ()),
        )
