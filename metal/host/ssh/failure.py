"""What a failed attempt to connect means: try again, try again a few times, or stop."""

from __future__ import annotations

import asyncio
import os
import re
from enum import Enum

import asyncssh

__all__ = ["Verdict", "describe", "judge"]


class Verdict(Enum):
    NOT_YET = "the host may still be starting"
    REFUSED = "the login was refused; worth a few attempts, because keys may be put in place late in the first boot"
    FATAL = "another attempt cannot help"


# pam_nologin and systemd-user-sessions, while a system starts or goes down.
_STARTING = re.compile(r"system is (booting up|going down)|not permitted to log in|pam_nologin|nologin", re.IGNORECASE)


def judge(error: BaseException, banner: str) -> Verdict:
    """Sort one failed attempt.

    :param banner: what the server printed during authentication.
    """
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return Verdict.FATAL
    if _STARTING.search(banner) or _STARTING.search(str(error)):
        return Verdict.NOT_YET
    if isinstance(error, asyncssh.PermissionDenied):
        return Verdict.REFUSED
    if isinstance(error, (asyncssh.KeyExchangeFailed, asyncssh.IllegalUserName, asyncssh.KeyImportError)):
        return Verdict.FATAL
    return Verdict.NOT_YET


def describe(error: BaseException) -> str:
    """One line that says what the network or the server answered."""
    if isinstance(error, asyncssh.PermissionDenied):
        return f"login refused: {error.reason}"
    if isinstance(error, asyncssh.ConnectionLost):
        return "connection closed before the login was done"
    if isinstance(error, asyncssh.ChannelOpenError):
        return f"the jump host could not connect on: {error.reason}"
    if isinstance(error, asyncssh.DisconnectError):
        return f"server disconnected: {error.reason}"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, (asyncio.TimeoutError, TimeoutError)):
        return "no answer in time"
    if isinstance(error, OSError):
        if error.errno and error.errno > 0:  # asyncio's own text says that it failed, not why
            return os.strerror(error.errno).lower()
        return error.strerror or str(error) or type(error).__name__
    return str(error) or type(error).__name__
