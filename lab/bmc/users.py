"""The one user of the small BMC, and its password (IPMI 2.0 sections 22.27, 22.29 and 22.30)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["UserTable"]

_USER, _MOST = 3, 10  # some BMCs have a fixed user 2, and theirs begin at 3


@dataclass
class UserTable:
    """How this BMC treats its user; may be changed while it runs.

    :ivar keeps: bytes of a new password that it keeps; it says nothing of the others.
    :ivar refuses: completion code of every Set User Password; 0 to accept.
    :ivar forgets: accepts so many new passwords without keeping them.
    :ivar cannot_test: knows no test of a password.
    :ivar namesakes: the user's name is in slot 2 too, with another password.
    :ivar changes: passwords that were set, in order.
    """

    keeps: int = 20
    refuses: int = 0
    forgets: int = 0
    cannot_test: bool = False
    namesakes: bool = False
    changes: int = 0

    def commands(
        self, name: bytes, read: Callable[[], bytes], write: Callable[[bytes], None]
    ) -> dict[tuple[int, int], Callable[[bytes], bytes]]:
        """Handlers by netfn and command.

        :param read, write: the password that logins are held against.
        """
        return {
            (6, 0x44): lambda data: bytes((0, _MOST, 1, 0, 0x34)),
            (6, 0x46): lambda data: self._name(data, name),
            (6, 0x47): lambda data: self._password(data, read, write),
        }

    def _name(self, data: bytes, name: bytes) -> bytes:
        if not 1 <= data[0] <= _MOST:
            return b"\xcc"
        ours = data[0] == _USER or (self.namesakes and data[0] == 2)
        return b"\x00" + (name if ours else b"").ljust(16, b"\0")

    def _password(self, data: bytes, read: Callable[[], bytes], write: Callable[[bytes], None]) -> bytes:
        user, operation, field = data[0] & 0x3F, data[1] & 0x03, data[2:]
        if len(field) != (20 if data[0] & 0x80 else 16):
            return b"\xc7"
        password = field.rstrip(b"\0")
        if operation == 3:
            if self.cannot_test:
                return b"\xcc"
            return b"\x00" if user == _USER and password == read() else b"\x80"
        if operation != 2 or user != _USER:
            return b"\xcc"
        if self.refuses:
            return bytes((self.refuses,))
        if self.forgets > 0:
            self.forgets -= 1
            return b"\x00"
        write(password[: self.keeps])
        self.changes += 1
        return b"\x00"
