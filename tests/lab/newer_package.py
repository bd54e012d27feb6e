"""Another version of a package in a lab's own repository: the same files under a higher number."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from lab.api import Lab
from lab.command import output
from lab.mirror.links import put_link
from lab.mirror.repository import index_repository

__all__ = ["offer_newer"]


def offer_newer(lab: Lab, package: str, suffix: str) -> str:
    """Have the lab's mirror offer `package` once more, at its version with `suffix`; returns that version.

    The folder that other labs share stays as it is.
    """
    www = lab.spec.directory / "mirror" / "www"
    shared, own = (www / "debian").resolve(), www / "debian-own"
    own.mkdir(exist_ok=True)
    for file in shared.glob("*.deb"):
        if not (own / file.name).exists():
            os.link(file, own / file.name)
    (original,) = shared.glob(f"{package}_*.deb")
    with tempfile.TemporaryDirectory(dir=lab.spec.directory) as folder:
        tree = Path(folder, "tree")
        output(["dpkg-deb", "--raw-extract", str(original), str(tree)])
        control = tree / "DEBIAN" / "control"
        text, changed = re.subn(r"(?m)^(Version: .+)$", rf"\1{suffix}", control.read_text())
        assert changed == 1
        control.write_text(text)
        version = output(["dpkg-deb", "--field", str(original), "Version"]).strip() + suffix
        output(["dpkg-deb", "--build", "-Znone", str(tree), str(own / f"{package}_newer.deb")])
    index_repository(own)
    put_link(www / "debian", own)
    return version
