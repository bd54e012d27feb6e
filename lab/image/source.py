"""Where this machine gets Debian 12 packages: read from its own apt configuration, never assumed."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass

from lab.errors import LabError

__all__ = ["SUITE", "DebianSource", "choose_source", "machine_source"]

SUITE = "bookworm"
"""Debian 12: docker.io 20.10.24, and a systemd that still runs on the hybrid cgroup hierarchy."""


@dataclass(frozen=True)
class DebianSource:
    """An apt source of the suite.

    :ivar updates: lines for the suite's security and update archives, where the machine has them.
    """

    uri: str
    updates: tuple[str, ...] = ()

    @property
    def lines(self) -> str:
        """A sources.list."""
        return "\n".join((f"deb {self.uri} {SUITE} main", *self.updates)) + "\n"


def choose_source(targets: str) -> DebianSource | None:
    """Pick the suite's archives out of `apt-get indextargets` lines "site|release|component"."""
    rows = [line.split("|") for line in targets.splitlines() if line.count("|") == 2]
    main = [(site, release) for site, release, component in rows if component == "main"]
    base = next((site for site, release in main if release == SUITE), None)
    if base is None:
        return None
    updates = dict.fromkeys(
        f"deb {site} {release} main"
        for site, release in main
        if re.fullmatch(rf"{SUITE}[-/](security|updates)", release)
    )
    return DebianSource(base, tuple(updates))


def machine_source() -> DebianSource:
    """:raises LabError: when this machine's apt knows no Debian 12 archive."""
    listing = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(SITE)|$(RELEASE)|$(COMPONENT)", "Created-By: Packages"],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "LC_ALL": "C"},
    ).stdout
    source = choose_source(listing)
    if source is None:
        raise LabError(
            f"this machine's apt has no source of Debian {SUITE}",
            tried=["apt-get indextargets"],
            next_step=f"add a source of suite {SUITE}, component main, to /etc/apt and run apt-get update",
        )
    return source
