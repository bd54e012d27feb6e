"""The one account of a lab's BMCs, made with the lab."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["BmcLogin", "ensure_login"]


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
    user, _, password = path.read_text().strip().partition(":")
    return BmcLogin(user, password)
