"""The one setting of this machine that a lab changes, and puts back: how many inotify instances root may have.

Every host runs an init system, an SSH server and perhaps an engine, all as root of this machine, which allows 128 by
default; some dozen processes more and services fail to start for no visible reason.
"""

from __future__ import annotations

from pathlib import Path

from lab.cache import locked

__all__ = ["ensure_limits", "restore_limits"]

_SETTING = Path("/proc/sys/fs/inotify/max_user_instances")
_WANTED = 4096
_RECORD = Path("/run/metalswarm-limits")
"""Folder with the value found and an empty file for each lab that needs more; a restart ends it like the setting."""


def ensure_limits(lab: str, *, setting: Path = _SETTING, record: Path = _RECORD) -> bool:
    """Raise the limit while `lab` is up; True when it was changed."""
    with locked(record.with_suffix(".lock")):
        record.mkdir(exist_ok=True)
        previous = record / "previous"
        found = int(setting.read_text())
        (record / f"lab-{lab}").touch()
        if found >= _WANTED:
            return False
        if not previous.exists():
            # Before the change: killed in between, the old value is not lost.
            previous.write_text(f"{found}\n")
        setting.write_text(f"{_WANTED}\n")
        return True


def restore_limits(lab: str, *, setting: Path = _SETTING, record: Path = _RECORD) -> bool:
    """Put the old value back when no other lab needs it raised; True when it was changed."""
    changed = False
    lock = record.with_suffix(".lock")
    with locked(lock):
        (record / f"lab-{lab}").unlink(missing_ok=True)
        if record.exists() and not list(record.glob("lab-*")):
            previous = record / "previous"
            # Somebody else's value is theirs.
            if previous.exists() and int(setting.read_text()) == _WANTED:
                setting.write_text(previous.read_text())
                changed = True
            previous.unlink(missing_ok=True)
            record.rmdir()
        if not record.exists():
            lock.unlink()
    return changed
