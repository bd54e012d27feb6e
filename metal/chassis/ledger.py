"""What this workstation knows of each host's installs, for the moment when the host is off and cannot be asked."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from metal.errors import HostError, HostFault

__all__ = ["Entry", "Ledger"]


@dataclass(frozen=True)
class Entry:
    """One host's line.

    :ivar installed: highest generation that was installed or found on it; 0 means taken as it was.
    :ivar released: the previous life was torn down by us and no new one has begun.
    :ivar wipe: the torn-down life asked for a reinstall.
    """

    installed: int
    released: bool = False
    wipe: bool = False


class Ledger:
    """A folder with one small file a host; survives a crash between the end of one life and the start of the next.

    The host's own marker is the better witness and is always asked first. The ledger only ever prevents an install
    or proves that a silent host is ours; without it the decision falls back to probing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, host: str) -> Entry | None:
        path = self._path(host)
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        try:
            data = json.loads(text)
            return Entry(int(data["installed"]), bool(data["released"]), bool(data["wipe"]))
        except (ValueError, KeyError, TypeError):
            raise HostError(
                "the local ledger of its installs cannot be read",
                fault=HostFault.NOT_READY,
                host=host,
                seen=text[:80],
                next_step=f"look at {path}; delete it and the host is probed before any install",
            ) from None

    def write(self, host: str, entry: Entry) -> None:
        path = self._path(host)
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps(asdict(entry)) + "\n", encoding="utf-8")
        fresh.replace(path)

    def forget(self, host: str) -> None:
        self._path(host).unlink(missing_ok=True)

    def _path(self, host: str) -> Path:
        return self._folder / f"{host}.json"
