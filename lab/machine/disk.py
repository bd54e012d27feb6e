"""A machine's disk: overlay of the base image, real directories where overlays cannot be, and the install counter."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path

from lab.command import output
from lab.machine.firmware import Disk

__all__ = ["MachineDisk"]

_CLAIM = "var/lib/metalswarm"
"""Folder of the life marker: made by whoever first takes the system over, and outlives the marker."""


class MachineDisk:
    """The disk under `directory` of one machine."""

    def __init__(self, directory: Path) -> None:
        self._disk = directory / "disk"
        self._old = directory / "disk.old"
        self._counter = directory / "installs.json"
        self._installed = self._disk / "installed"
        self.root = directory / "root"

    @property
    def binds(self) -> dict[Path, str]:
        """Directories that hold overlays of their own, by their place in the system."""
        return {self._disk / "docker": "/var/lib/docker", self._disk / "containerd": "/var/lib/containerd"}

    def observe(self) -> Disk:
        image = self._image()
        installed = image is not None and image.exists()
        claimed = installed and (self._disk / "upper" / _CLAIM).exists()
        return Disk(installed, claimed, 0 if claimed else self._count())

    def installs(self) -> int:
        """Installs in this machine's whole life."""
        return int(self._read().get("total", 0))

    def _image(self) -> Path | None:
        """Image of the system on the disk; None when there is no whole system."""
        try:
            return Path(self._installed.read_text().strip())
        except FileNotFoundError:
            return None

    def _count(self) -> int:
        return int(self._read().get("unclaimed", 0))

    def _read(self) -> dict[str, int]:
        try:
            counter: dict[str, int] = json.loads(self._counter.read_text())
        except FileNotFoundError:
            return {}
        return counter

    def _write(self, **counter: int) -> None:
        new = self._counter.with_suffix(".new")
        new.write_text(json.dumps(counter))
        os.replace(new, self._counter)

    def reset_counter(self) -> None:
        self._write(total=self.installs(), unclaimed=0)

    def wipe(self) -> None:
        """Blank disk; counts as an install begun."""
        unclaimed = self.observe().unclaimed
        self._write(total=self.installs() + 1, unclaimed=unclaimed + 1)
        shutil.rmtree(self._old, ignore_errors=True)
        if self._disk.exists():
            # Renamed first: killed in the middle of the removal, the machine has no system rather than half of one.
            self._disk.rename(self._old)
        for part in ("upper", "work", "docker", "containerd"):
            (self._disk / part).mkdir(parents=True)
        shutil.rmtree(self._old, ignore_errors=True)

    def finish(self, image: Path) -> None:
        """The system on it is whole, and made from `image`."""
        new = self._installed.with_suffix(".new")
        new.write_text(f"{image}\n")
        os.replace(new, self._installed)

    def mount(self, image: Path) -> None:
        """Mount the system at `root`: the one installed, on the image it was made from, else a new one on `image`."""
        image = self._image() or image
        self.root.mkdir(exist_ok=True)
        layers = f"lowerdir={image},upperdir={self._disk / 'upper'},workdir={self._disk / 'work'}"
        output(["mount", "-t", "overlay", "overlay", "-o", layers, str(self.root)])

    def unmount(self) -> None:
        if os.path.ismount(self.root):
            output(["umount", str(self.root)])

    def to_dict(self) -> dict[str, object]:
        return {**asdict(self.observe()), "installs": self.installs()}
