"""Running a script in a host's system, as root with the lab's key."""

from __future__ import annotations

import subprocess

from lab.errors import LabError
from lab.spec import HostSpec, LabSpec
from metal.waiting import Pending, Run, wait_until

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
_CONNECT = 20.0
_SSH_FAILED = 255


def run_inside(lab: LabSpec, host: HostSpec, script: str) -> str:
    """Standard output of a shell script that must succeed.

    :raises LabError: the host does not answer, or the script failed.
    """

    def probe() -> subprocess.CompletedProcess[str] | Pending:
        done = _run(lab, host, script)
        # A server that begins anew, with another key for one, refuses connections for a moment. Nothing was run then.
        refused = done.returncode == _SSH_FAILED and "connect to host" in done.stderr
        return Pending(_last_words(done)) if refused else done

    done = wait_until(
        "its system takes a connection",
        probe,
        deadline=Run().deadline(_CONNECT),
        fail=lambda late, seen: LabError(late, host=host.name, tried=[f"ssh root@{host.address}"], seen=seen),
        interval=0.2,
        host=host.name,
    )
    if done.returncode:
        raise LabError(
            f"a script in its system failed with status {done.returncode}",
            host=host.name,
            tried=[f"ssh root@{host.address}"],
            seen=_last_words(done),
        )
    return done.stdout


def _run(lab: LabSpec, host: HostSpec, script: str) -> subprocess.CompletedProcess[str]:
    options = [f"-o{option}" for option in _OPTIONS]
    try:
        return subprocess.run(
            ["ssh", "-F", "none", "-i", str(lab.key), *options, f"root@{host.address}", "sh", "-s"],
            input=script,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise LabError(f"its system did not answer within {_SECONDS} s", host=host.name) from None


def _last_words(done: subprocess.CompletedProcess[str]) -> str:
    return " / ".join((done.stderr or done.stdout).splitlines()[-3:])
