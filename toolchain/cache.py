"""The cache of tools: keyed folders, published whole or not at all, checked before use."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from toolchain.progress import say

__all__ = ["ROOT", "Cache", "sha256_of"]

ROOT = Path(__file__).resolve().parent.parent

_MANIFEST = "sha256.json"


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Cache:
    """Folders under one root, each named by a key and holding the sums of its own files.

    :param root: where the folders live; made when absent.
    """

    def __init__(self, root: Path = ROOT / ".metalswarm" / "cache") -> None:
        self.root = root

    def get(self, key: str) -> Path | None:
        """The folder of `key` when it is complete and unchanged, else None."""
        folder = self.root / key
        try:
            sums: dict[str, str] = json.loads((folder / _MANIFEST).read_text())
            whole = all(sha256_of(folder / name) == expected for name, expected in sums.items())
        except (OSError, ValueError):
            return None
        return folder if whole else None

    def fetch(self, key: str, fill: Callable[[Path], None]) -> Path:
        """The folder of `key`, filled by `fill` when it is not there yet. Safe to call from several processes.

        :param fill: puts the files into the empty folder it is given.
        """
        if folder := self.get(key):
            return folder
        with self.lock(key):
            if folder := self.get(key):
                return folder
            return self._publish(key, fill)

    def _publish(self, key: str, fill: Callable[[Path], None]) -> Path:
        folder = self.root / key
        draft = Path(tempfile.mkdtemp(prefix=f".{key}.", dir=self.root))
        try:
            draft.chmod(0o755)
            fill(draft)
            files = sorted(path for path in draft.rglob("*") if path.is_file() and not path.is_symlink())
            sums = {str(path.relative_to(draft)): sha256_of(path) for path in files}
            (draft / _MANIFEST).write_text(json.dumps(sums, indent=1) + "\n")
            if folder.exists():
                say(f"{folder}: damaged or incomplete, made anew")
                shutil.rmtree(folder)
            draft.rename(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return folder

    @contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Hold the lock of `key` against other processes; it ends with the process, whatever kills it."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / f"{key}.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say(f"{key}: another process is at it, waiting for it")
                fcntl.flock(file, fcntl.LOCK_EX)
            self._sweep(key)
            file.write(f"{os.getpid()}\n")
            file.flush()
            yield

    def _sweep(self, key: str) -> None:
        """Remove drafts that a killed process left; the caller holds the lock."""
        for draft in self.root.glob(f".{key}.*"):
            shutil.rmtree(draft, ignore_errors=True)
