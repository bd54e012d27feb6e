"""The power restore policy that a BMC keeps for its machine (IPMI 2.0, section 28.8), as restore.c writes it."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["read_restore", "write_restore"]


def read_restore(path: Path) -> int:
    """The policy by number; 0, always off, when none was ever set."""
    try:
        return int(path.read_text())
    except FileNotFoundError:
        return 0


def write_restore(path: Path, policy: int) -> None:
    new = path.with_name(path.name + ".machine")
    new.write_text(f"{policy}\n")
    os.replace(new, path)
