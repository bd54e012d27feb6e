"""An apt repository out of a folder of packages: the flat kind, with one index."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

from lab.command import output

__all__ = ["INDEX_FORMAT", "index_repository"]

INDEX_FORMAT = 2
"""Raised when the index changes, so that cached folders are made again."""


def index_repository(directory: Path) -> None:
    """Write Packages, Packages.gz and Release for the .deb files in `directory`."""
    stanzas = []
    for package in sorted(directory.glob("*.deb")):
        control = output(["dpkg-deb", "--field", str(package)]).rstrip("\n")
        content = package.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        stanzas.append(f"{control}\nFilename: ./{package.name}\nSize: {len(content)}\nSHA256: {digest}\n")
    index = "\n".join(stanzas).encode()
    (directory / "Packages").write_bytes(index)
    (directory / "Packages.gz").write_bytes(gzip.compress(index, mtime=0))
    # Long past, so that it is valid whatever a host takes the time to be.
    release = "Suite: lab\nDate: Thu, 01 Jan 1970 00:00:00 UTC\nSHA256:\n"
    for name in ("Packages", "Packages.gz"):
        content = (directory / name).read_bytes()
        release += f" {hashlib.sha256(content).hexdigest()} {len(content)} {name}\n"
    (directory / "Release").write_text(release)
