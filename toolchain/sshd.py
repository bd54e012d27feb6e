"""An SSH server for the tests of the SSH client: Debian's package, installed without letting its own daemon start."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from toolchain.errors import ToolchainError
from toolchain.progress import Step

__all__ = ["PLACES", "sshd"]

PLACES = "/usr/sbin:/usr/local/sbin:/usr/bin"
_PACKAGE = "openssh-server"
_UNITS = ("ssh.service", "ssh.socket")


def sshd() -> Path | None:
    """The path of an SSH server; as root it is installed when there is none. None without root.

    :raises ToolchainError: apt failed.
    """
    if found := shutil.which("sshd", path=PLACES):
        return Path(found)
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return None
    with Step(f"installing the Debian package {_PACKAGE} (its daemon is not started)"):
        # Tests start servers of their own on loopback; nobody asked for one that listens to the network.
        systemd = Path("/run/systemd/system").exists()
        if systemd:
            _run(["systemctl", "mask", *_UNITS])
        apt = ["apt-get", "-qq", "-oDPkg::Lock::Timeout=300"]
        _run([*apt, "update"])
        _run([*apt, "install", "--yes", "--no-install-recommends", _PACKAGE])
    found = shutil.which("sshd", path=PLACES)
    if found is None:
        raise ToolchainError(f"installing {_PACKAGE}", cause="it brought no sshd", cure="install an SSH server by hand")
    return Path(found)


def _run(argv: list[str]) -> None:
    done = subprocess.run(
        argv,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode != 0:
        raise ToolchainError(
            f"running {' '.join(argv)}",
            cause=(done.stderr or done.stdout).strip()[-500:] or f"exit code {done.returncode}",
            cure=f"install {_PACKAGE} by hand and try again",
        )
