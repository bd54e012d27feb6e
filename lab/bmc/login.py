"""The one account of a lab's BMCs, made with the lab."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path

from lab.errors import LabError

__all__ = ["BmcLogin", "ensure_login", "read_login"]


@dataclass(frozen=True)
class BmcLogin:
    user: str
    password: str = field(repr=False)


def ensure_login(path: Path) -> BmcLogin:
    """Read the login from `path` ("user:password", mode 0600), making it first when there is none."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = path.with_suffix(".new")
        new.touch(mode=0o600)
        # ipmi_sim cuts passwords at 19 characters.
        new.write_text(f"admin:{secrets.token_hex(8)}\n")
        new.rename(path)
    return read_login(path)


def read_login(path: Path) -> BmcLogin:
    """:raises LabError: when the lab was never brought up."""
    try:
        user, _, password = path.read_text().strip().partition(":")
    except FileNotFoundError as missing:
        raise LabError("the lab has no BMC login yet", next_step="metalswarm lab up") from missing
    return BmcLogin(user, password)
