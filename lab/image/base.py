"""The base image: made once with debootstrap, the lower layer of every host's disk."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from lab.cache import locked, made_once
from lab.command import bound_to_us, namespaced, run
from lab.errors import LabError
from lab.image.recipe import PACKAGES, customise, image_key
from lab.image.source import SUITE, machine_source
from metal.waiting import Run

__all__ = ["ensure_image", "image_path", "remove_image"]


def image_path(cache: Path) -> Path:
    return cache / f"image-{image_key()}"


def ensure_image(cache: Path, run_: Run) -> Path:
    """Make the image unless it is there (about a minute, 250 MB); returns its root directory."""

    def make(partial: Path) -> None:
        source = machine_source()
        run_.progress(f"image: installing a Debian {SUITE} base system, about a minute")
        root = partial / "root"
        log = cache / "image.log"
        include = f"--include={','.join(PACKAGES)}"
        debootstrap = ["debootstrap", "--variant=minbase", include, SUITE, str(root), source.uri]
        with log.open("wb") as output:
            result = run(
                # Own namespaces: what debootstrap mounts and starts goes with it, also when it is killed.
                bound_to_us(namespaced(debootstrap)),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        if result.returncode:
            raise LabError(
                "the base image could not be made",
                tried=["debootstrap from the machine's own apt source"],
                seen=" / ".join(log.read_text(errors="replace").splitlines()[-3:]),
                next_step=f"read {log}; run again, it starts over",
            )
        customise(root)

    return made_once(image_path(cache), make) / "root"


def remove_image(cache: Path) -> bool:
    """Remove the image of this recipe; True when there was one.

    :raises LabError: when a running host, of whatever lab, stands on it.
    """
    image = image_path(cache)
    if not image.exists():
        return False
    for mounts in Path("/proc").glob("[0-9]*/mountinfo"):
        try:
            used = f"lowerdir={image}/" in mounts.read_text()
        except OSError:
            continue
        if used:
            raise LabError("the image is in use", seen=f"process {mounts.parent.name}", next_step="lab down first")
    with locked(image.with_name(image.name + ".lock")):
        doomed = image.with_name(image.name + ".partial")
        image.rename(doomed)
        shutil.rmtree(doomed)
    return True
