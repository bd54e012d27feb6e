"""The boot flags a BMC keeps for its machine (IPMI 2.0, table 28-14, parameter 5), as bootflags.c writes them."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

__all__ = ["BootFlags", "boot_clock", "read_flags", "write_flags"]

_VALID, _PERSISTENT, _EFI = 0x80, 0x40, 0x20
_DEVICES = {0: "none", 1: "pxe", 2: "disk", 3: "safe", 4: "diagnostics", 5: "cdrom", 6: "setup", 15: "floppy"}


@dataclass(frozen=True)
class BootFlags:
    """:ivar expiry: boot-clock second after which the valid bit is gone, 0 for never."""

    data: bytes = bytes(5)
    expiry: int = 0

    def valid(self, now: float) -> bool:
        return bool(self.data[0] & _VALID) and not (self.expiry and now > self.expiry)

    @property
    def persistent(self) -> bool:
        return bool(self.data[0] & _PERSISTENT)

    @property
    def efi(self) -> bool:
        return bool(self.data[0] & _EFI)

    @property
    def device(self) -> str:
        number = self.data[1] >> 2 & 0x0F
        return _DEVICES.get(number, f"device {number}")

    def consumed(self) -> BootFlags:
        """What is left after the boot they served: a one-shot loses its valid bit, a lasting one its expiry."""
        if self.persistent:
            return replace(self, expiry=0)
        return BootFlags(bytes([self.data[0] & ~_VALID & 0xFF]) + self.data[1:])

    def line(self) -> str:
        return f"{self.data.hex()} {self.expiry}\n"

    @classmethod
    def parse(cls, line: str) -> BootFlags:
        data, expiry = line.split()
        return cls(bytes.fromhex(data), int(expiry))


def boot_clock() -> float:
    """Seconds of the clock that expiries are counted in."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def read_flags(path: Path) -> BootFlags:
    """All zero when none were ever set."""
    try:
        return BootFlags.parse(path.read_text())
    except FileNotFoundError:
        return BootFlags()


def write_flags(path: Path, flags: BootFlags) -> None:
    new = path.with_name(path.name + ".machine")
    new.write_text(flags.line())
    os.replace(new, path)
