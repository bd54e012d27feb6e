"""The user that a BMC is logged in to with, and its password: what a change of it needs, over whichever protocol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from metal.settings.access import BmcAddress
from metal.settings.credentials import BmcLogin
from metal.waiting import Deadline

__all__ = ["Account", "Door", "Put"]


@dataclass(frozen=True)
class Put:
    """What a BMC said when it was given another password.

    :ivar accepted: None where no answer came, so that it may have been set.
    :ivar seen: in words; holds no password.
    """

    accepted: bool | None
    seen: str


class Account(Protocol):
    """One login's user for as long as its session lasts. Nothing here logs in anew: the password may be another."""

    def find(self) -> None:
        """Learn which of the BMC's users it is.

        :raises BmcError: none, or which of several is not told; no password was touched.
        """

    def put(self, password: str) -> Put:
        """Set its password; the same however often it is carried out."""

    def keeps(self, password: str) -> bool | None:
        """Whether the BMC says that this is the password now; None where it cannot say."""

    def close(self) -> None:
        """End the session; never raises."""


class Door(Protocol):
    """One BMC held over several logins, each with a password of its own. Made by the pool; used by one thread."""

    address: BmcAddress
    deadline: Deadline

    def login(self, profile: str, login: BmcLogin, *, patience: float | None = None) -> Account:
        """Log in, once; the caller closes what it gets.

        :param profile: whose login that is, for errors.
        :param patience: seconds of silence or of no free session after which it is given up.
        :raises BmcError: by fault; AUTH says that the password is not the one.
        """
