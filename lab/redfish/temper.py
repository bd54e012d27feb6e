"""How a small Redfish BMC behaves, where BMCs differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

__all__ = ["Etag", "Mode", "Temper"]


class Etag(StrEnum):
    NONE = "none"
    OFFERED = "offered"
    REQUIRED = "required"  # 428 without If-Match, 412 with another one
    WEAK = "weak"  # shows a weak one and wants the strong one


class Mode(StrEnum):
    OPTIONAL = "optional"
    REQUIRED = "required"  # 400 without it
    REFUSED = "refused"  # 400 with it
    FORGOTTEN = "forgotten"  # goes back to Legacy without it


@dataclass
class Temper:
    """May be changed while the BMC serves.

    :ivar slots: sessions at once.
    :ivar basic: the password is taken with each request.
    :ivar advertise: a 401 says that it would be.
    :ivar session_service: there are sessions at all.
    :ivar full: status and message of a login when no session is free.
    :ivar none_target: target None goes along with Disabled.
    :ivar forgets_restore: accepts so many power restore policies without keeping them.
    :ivar forgets_passwords: accepts so many passwords without keeping them.
    :ivar applies_after: seconds until an accepted password is the one.
    :ivar keeps_letters: cuts a password off after so many.
    :ivar refuses_passwords: by a rule of its own, and repeats them in its answer.
    :ivar must_change: until its password is another one, it shows nothing but the account that is to be changed.
    :ivar ends_sessions: all sessions of a user end with his password.
    :ivar namesakes: shows two accounts of the user's name.
    :ivar same_state: status of a reset to the state that is held already.
    """

    slots: int = 8
    basic: bool = True
    advertise: bool = True
    session_service: bool = True
    full: tuple[int, str] = (400, "Base.1.8.SessionLimitExceeded")
    etag: Etag = Etag.OFFERED
    mode: Mode = Mode.OPTIONAL
    none_target: bool = True
    forgets_restore: int = 0
    same_state: int = 409
    forgets_passwords: int = 0
    applies_after: float = 0.0
    keeps_letters: int = 0
    refuses_passwords: bool = False
    must_change: bool = False
    ends_sessions: bool = False
    namesakes: bool = False

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Temper:
        """From JSON."""
        kinds: dict[str, Callable[[Any], Any]] = {"etag": Etag, "mode": Mode, "full": tuple}
        return cls(**{key: kinds[key](value) if key in kinds else value for key, value in data.items()})
