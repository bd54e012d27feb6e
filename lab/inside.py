"""Running a script in a host's system, as root with the lab's key."""

from __future__ import annotations

import subprocess

from lab.errors import LabError
from lab.spec import HostSpec, LabSpec

__all__ = ["run_inside"]

# The lab knows its hosts by their cables, not by keys that faults may change.
_OPTIONS = (
    "StrictHostKeyChecking=no",
    "UserKnownHostsFile=/dev/null",
    "BatchMode=yes",
    "LogLevel=ERROR",
    "ConnectTimeout=5",
)
_SECONDS = 60


def run_inside(lab: LabSpec, host: HostSpec, script: str) -> str:
    """Standard output of a shell script that must succeed.

    :raises LabError: the host does not answer, or the script failed.
    """
    options = [f"-o{option}" for option in _OPTIONS]
    try:
        done = subprocess.run(
            ["ssh", "-F", "none", "-i", str(lab.key), *options, f"root@{host.address}", "sh", "-s"],
            input=script,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise LabError(f"its system did not answer within {_SECONDS} s", host=host.name) from None
    if done.returncode:
        raise LabError(
            f"a script in its system failed with status {done.returncode}",
            host=host.name,
            tried=[f"ssh root@{host.address}"],
            seen=" / ".join((done.stderr or done.stdout).splitlines()[-3:]),
        )
    return done.stdout
