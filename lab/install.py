"""The Debian packages that a machine needs to run a lab."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from lab.command import output, run
from lab.errors import LabError
from metal.waiting import Run

__all__ = ["NEEDED", "install", "missing"]

NEEDED = {
    "debootstrap": ("debootstrap",),
    "gcc": ("gcc",),
    "iproute2": ("ip",),
    "ipmitool": ("ipmitool",),
    "iptables": ("iptables-save",),
    "libc6-dev": (),
    "libopenipmi-dev": (),
    "openipmi": ("ipmi_sim",),
    "openssh-client": ("ssh-keygen",),
    "systemd-container": ("systemd-nspawn",),
    "util-linux": ("nsenter", "setsid", "unshare"),
}
"""Package, and the programs it is needed for. No docker.io: its daemon would start, and change this machine's rules."""


def missing() -> list[str]:
    """Needed packages that are not installed."""
    listing = run(
        ["dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\n", *NEEDED],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ).stdout.decode()
    installed = {
        name for name, _, state in (line.partition(" ") for line in listing.splitlines()) if state == "installed"
    }
    return [name for name, programs in NEEDED.items() if name not in installed or not all(map(shutil.which, programs))]


def install(run_: Run | None = None) -> bool:
    """Install what is missing; True when there was something.

    :param run_: takes the progress; without one it goes to standard error.
    :raises LabError: without root, or when apt fails.
    """
    progress = (run_ or Run(progress=lambda line: print(line, file=sys.stderr, flush=True))).progress  # noqa: T201
    packages = missing()
    if not packages:
        return False
    if os.geteuid() != 0:
        raise LabError(f"Debian packages are missing: {' '.join(packages)}", next_step="run this as root")
    progress(f"installing Debian packages: {' '.join(packages)}")
    # The machine may have other users of its package manager: wait for their lock rather than fail.
    apt = ["apt-get", "-qq", "-oDPkg::Lock::Timeout=300"]
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    output([*apt, "update"], env=quiet)
    output([*apt, "install", "--yes", "--no-install-recommends", *packages], env=quiet)
    if still := missing():
        raise LabError(
            f"packages do not provide what the lab needs: {' '.join(still)}",
            tried=["apt-get install"],
            next_step="install them by hand and read what apt says",
        )
    return True
