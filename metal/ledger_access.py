"""What stands in the way of the files that this workstation keeps of its metal: told by path, with what is needed."""

from __future__ import annotations

import os
from pathlib import Path

from metal.errors import SettingsError

__all__ = ["check_ledger", "needed", "reason"]

_EFFECTIVE = os.access in os.supports_effective_ids


def reason(error: OSError, path: Path) -> str:
    """What was seen, with the path: that of the file, not that of one which is made on the way."""
    return f"{path}: {error.strerror or error}"


def needed(path: Path) -> str:
    """What to do about a file of the ledger that cannot be read or written."""
    return (
        f"let the user of this command (uid {os.geteuid()}) read and write {path} and its folder: mostly another user, "
        "or root, has run a command here before"
    )


def check_ledger(folder: Path) -> None:
    """See that the ledger can be used at all, before anybody is asked; makes nothing.

    :raises SettingsError: it, or what is in the way of making it, cannot be written to.
    """
    for path in (folder, folder / "bmc"):
        standing = next(each for each in (path, *path.parents) if each.exists())
        if not standing.is_dir():
            raise SettingsError([f"{standing}: is no folder; allowed: a folder, or nothing yet"])
        if not os.access(standing, os.R_OK | os.W_OK | os.X_OK, effective_ids=_EFFECTIVE):
            raise SettingsError(
                [f"{standing}: cannot be read and written; allowed: a folder where the ledger can be kept"],
                next_step=needed(standing),
            )
