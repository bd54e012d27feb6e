"""An apt repository out of a folder of packages: the flat kind, with one index."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

from lab.command import output

__all__ = ["index_repository"]


def index_repository(directory: Path) -> None:
    """Write Packages and Packages.gz for the .deb files in `directory`."""
    stanzas = []
    for package in sorted(directory.glob("*.deb")):
        control = output(["dpkg-deb", "--field", str(package)]).rstrip("\n")
        content = package.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        stanzas.append(f"{control}\nFilename: ./{package.name}\nSize: {len(content)}\nSHA256: {digest}\n")
    index = "\n".join(stanzas).encode()
    (directory / "Packages").write_bytes(index)
    (directory / "Packages.gz").write_bytes(gzip.compress(index, mtime=0))
