"""Package commands that fail for reasons that pass: tried again within the deadline, and only then."""

from __future__ import annotations

import re

from metal.errors import HostError, HostFault
from metal.host.ssh import Completed, Ssh
from metal.waiting import Deadline, Pending, wait_until

__all__ = ["attempt", "passes"]

_RETRY_SECONDS = 5.0
_TAIL = 1500

# Messages in the C locale, which every command here is run in.
_PASSING = re.compile(
    r"could not get lock|unable to acquire|unable to lock|is another process using it|another process holds"
    r"|already locked by|holding the yum lock"
    r"|temporary failure|failed to fetch|failed to download|cannot download|could not resolve|could not connect"
    r"|connection (timed out|reset|refused|failed)|timeout was reached|hash sum mismatch|file has unexpected size"
    r"|network is unreachable|no route to host|503 |502 |cannot retrieve (repository metadata|metalink)"
    r"|rpm: *can't create transaction lock",
    re.IGNORECASE,
)


def passes(text: str) -> bool:
    """Whether a failure with that output may be gone after a while: a lock, or the network."""
    return _PASSING.search(text) is not None


def attempt(ssh: Ssh, what: str, script: str, *args: str, deadline: Deadline) -> Completed:
    """Run a script until it succeeds; a failure that does not pass by itself is raised at once.

    :param what: as a clause, for progress and errors ("docker.io 20.10.24 is installed").
    :raises HostError: COMMAND with the output's tail.
    """

    def broken(seen: str) -> HostError:
        return HostError(
            f"not so: {what}",
            fault=HostFault.COMMAND,
            host=ssh.access.host,
            tried=[f"the host's package manager, for up to {deadline}"],
            seen=seen,
            next_step="run the package manager by hand on the host to see more, repair its cause, run again",
        )

    def probe() -> Completed | Pending:
        done = ssh.script(script, *args, timeout=max(5.0, deadline.remaining), check=False)
        if done.rc == 0:
            return done
        said = (done.stderr.strip() or done.stdout.strip())[-_TAIL:] or f"status {done.rc}"
        if passes(done.stderr + done.stdout):
            return Pending(said)
        raise broken(said)

    return wait_until(
        what,
        probe,
        deadline=deadline,
        fail=lambda _, seen: broken(seen),
        interval=_RETRY_SECONDS,
        host=ssh.access.host,
    )
