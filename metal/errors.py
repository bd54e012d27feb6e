"""The errors of the metal room: what happened, where, what was tried, what was last seen, what to do next."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from itertools import groupby

__all__ = [
    "BUSY_CODES",
    "BmcError",
    "BmcFault",
    "Cancelled",
    "ClusterError",
    "HostError",
    "HostFault",
    "InputError",
    "MetalError",
    "PlanRefused",
    "SettingsError",
]


BUSY_CODES = (0xC0, 429, 503)
"""How a BMC says that it is busy: IPMI's completion code, and statuses of HTTP."""

_ORDINAL = re.compile(r"^(\w+) \d+(?=, )")


class MetalError(Exception):
    """A failure a person has to read at 3 a.m.

    :ivar what: the failure in one clause, without the host's name.
    :ivar host: inventory name, or None where no single host is concerned.
    :ivar tried: what was attempted, in order.
    :ivar seen: the last thing observed.
    :ivar next_step: what the reader should do.
    """

    def __init__(
        self,
        what: str,
        *,
        host: str | None = None,
        tried: Sequence[str] = (),
        seen: str | None = None,
        next_step: str | None = None,
    ) -> None:
        self.what = what
        self.host = host
        self.tried = tuple(tried)
        self.seen = seen
        self.next_step = next_step
        super().__init__(what)

    @property
    def brief(self) -> str:
        """What happened and what was seen, in a line: for whoever waits for this, and has an error of its own."""
        seen = (self.seen or "").partition("\n")[0]
        return f"{self.what} ({seen})" if seen else self.what

    @property
    def cure(self) -> str:
        """What to do next, in a line; empty where nothing is known."""
        return " ".join((self.next_step or "").split())

    @property
    def text(self) -> str:
        """All of it in lines, without the host's name: for whoever has named it before."""
        lines = [self.what]
        if self.tried:
            lines.append("  tried: " + "; ".join(_folded(self.tried)))
        if self.seen:
            lines.append("  last seen: " + self.seen)
        if self.next_step:
            lines.append("  next: " + self.next_step)
        return "\n".join(lines)

    def __str__(self) -> str:
        return f"{self.host}: {self.text}" if self.host else self.text


def _folded(entries: Sequence[str]) -> list[str]:
    """Runs of the same entry as one, with their number; "login 1, ..." and "login 2, ..." are the same."""
    runs = [(each, list(run)) for each, run in groupby(entries, lambda entry: _ORDINAL.sub(r"\1", entry))]
    return [f"{len(run)}x {each}" if len(run) > 1 else run[0] for each, run in runs]


class SettingsError(MetalError):
    """The configuration is wrong; nothing was touched.

    :ivar problems: one line each: path, value, what is allowed.
    """

    def __init__(self, problems: Sequence[str], *, next_step: str | None = None) -> None:
        self.problems = tuple(problems)
        super().__init__("configuration refused:\n  " + "\n  ".join(self.problems), next_step=next_step)


class InputError(SettingsError):
    """What was typed is wrong, and no file; nothing was touched.

    :ivar problems: one line each: argument, value, what is allowed.
    """

    def __init__(self, problems: Sequence[str], *, next_step: str | None = None) -> None:
        super().__init__(problems, next_step=next_step)
        self.what = "\n".join(self.problems)


class PlanRefused(MetalError):
    """The wanted change is understood and not allowed; nothing was touched."""


class Cancelled(MetalError):
    """The run was interrupted while waiting; the next run resumes."""


class BmcFault(StrEnum):
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    AUTH = "authentication"
    PRIVILEGE = "privilege"
    NO_SLOT = "no session slot"
    SUITE = "cipher suite"
    CERTIFICATE = "certificate"
    PROTOCOL = "protocol"
    COMMAND = "command refused"
    NOT_APPLIED = "not applied"


class BmcError(MetalError):
    """A BMC did not do what it was asked.

    :ivar fault: the class of failure; retry rules go by it.
    :ivar code: IPMI completion code or HTTP status, where there is one.
    """

    def __init__(self, what: str, *, fault: BmcFault, code: int | None = None, **kw: object) -> None:
        self.fault = fault
        self.code = code
        super().__init__(what, **kw)  # type: ignore[arg-type]

    @property
    def word(self) -> str:
        """The class of failure for a reader, who is told "busy" and "timeout" apart; retry rules are not."""
        return "busy" if self.fault is BmcFault.TIMEOUT and self.code in BUSY_CODES else str(self.fault)


class HostFault(StrEnum):
    UNREACHABLE = "unreachable"
    AUTH = "authentication"
    HOST_KEY = "host key"
    COMMAND = "command failed"
    NOT_READY = "not ready"
    OLD_SYSTEM = "old system"
    NOT_OURS = "not ours"
    TIMEOUT = "timeout"


class HostError(MetalError):
    """A host could not be reached, is not the one expected, or a command on it failed.

    :ivar fault: the class of failure; retry rules go by it.
    """

    def __init__(self, what: str, *, fault: HostFault, **kw: object) -> None:
        self.fault = fault
        super().__init__(what, **kw)  # type: ignore[arg-type]


class ClusterError(MetalError):
    """Docker, Swarm, Consul or the container manager did not reach the wanted state."""
