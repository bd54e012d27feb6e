"""The packages hosts can install: fetched once from the machine's own apt source, with all they depend on."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from lab.cache import made_once
from lab.command import output
from lab.image.recipe import image_key
from lab.image.source import machine_source
from lab.mirror.repository import INDEX_FORMAT, index_repository
from metal.waiting import Run

__all__ = ["PACKAGES", "ensure_packages"]

PACKAGES = ("docker.io", "busybox-static")


def ensure_packages(cache: Path, image: Path, run: Run) -> Path:
    """Fetch what a host with `image` lacks to install PACKAGES (about 60 MB); returns the repository's folder."""

    def make(partial: Path) -> None:
        run.progress(f"packages: fetching {', '.join(PACKAGES)} and what they need")
        # An apt of its own: the image's idea of what is installed, none of this machine's other sources or state.
        state = partial / "apt"
        for part in ("lists/partial", "cache/archives/partial"):
            (state / part).mkdir(parents=True, exist_ok=True)
        sources = state / "sources.list"
        sources.write_text(machine_source().lines)
        apt = [
            "apt-get",
            "-qq",
            *(f"-oDir::Etc::sourcelist={sources}", "-oDir::Etc::sourceparts=/dev/null"),
            *(f"-oDir::State={state}", f"-oDir::State::lists={state}/lists", f"-oDir::Cache={state}/cache"),
            *(f"-oDir::State::status={image}/var/lib/dpkg/status", "-oDebug::NoLocking=1"),
            "-oAPT::Sandbox::User=root",
        ]
        output([*apt, "update"])
        output([*apt, "install", "--yes", "--download-only", "--no-install-recommends", *PACKAGES])
        for package in (state / "cache/archives").glob("*.deb"):
            # Package names hold an epoch's colon as %3a; a plain name survives every web server.
            package.rename(partial / package.name.replace("%3a", "."))
        shutil.rmtree(state)
        index_repository(partial)

    key = hashlib.sha256(f"{image_key()} {PACKAGES} {INDEX_FORMAT}".encode()).hexdigest()[:12]
    return made_once(cache / f"packages-{key}", make)
