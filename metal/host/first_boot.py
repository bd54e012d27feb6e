"""A system that answers is not a system that has come up: its first boot's set-up, then everything systemd starts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from metal.errors import HostError, HostFault
from metal.host.packages.first_boot import first_boot_ended
from metal.host.plan import BootState, boot_state
from metal.host.ssh import Ssh
from metal.waiting import Deadline, Pending, wait_until

__all__ = ["await_booted", "await_set_up"]

T = TypeVar("T")

_SILENT = (HostFault.UNREACHABLE, HostFault.TIMEOUT)


def await_set_up(ssh: Ssh, deadline: Deadline) -> None:
    """Wait until cloud-init, where there is one, has done what it does in a first boot.

    :raises HostError: NOT_READY: it has no end.
    """
    wait_until(
        "the first boot's set-up ends",
        lambda: _unless_away(lambda: first_boot_ended(ssh)),
        deadline=deadline,
        fail=lambda late, seen: HostError(
            late,
            fault=HostFault.NOT_READY,
            host=ssh.access.host,
            tried=["cloud-init status"],
            seen=seen,
            next_step="look at `cloud-init status --long` on the host, or raise deadlines.packages, then run again",
        ),
        interval=2,
        host=ssh.access.host,
    )


def await_booted(ssh: Ssh, deadline: Deadline) -> None:
    """Wait until systemd has nothing left to start; failed units are named and tolerated.

    :raises HostError: NOT_READY: it has no end, or the system is in maintenance.
    """
    host = ssh.access.host

    def probe() -> BootState | Pending:
        word = ssh.run(["systemctl", "is-system-running"], timeout=30, check=False).stdout.strip()
        state = boot_state(word)
        if state is BootState.BROKEN:
            raise fail("the system does not finish booting", f"systemd says {word!r}")
        return state if state in (BootState.UP, BootState.DEGRADED) else Pending(_starting(ssh, word))

    def fail(what: str, seen: str) -> HostError:
        return HostError(
            what,
            fault=HostFault.NOT_READY,
            host=host,
            tried=["systemctl is-system-running"],
            seen=seen,
            next_step="look at `systemctl list-jobs` and the console of the host, then run again",
        )

    state = wait_until(
        "the system finishes booting",
        lambda: _unless_away(probe),
        deadline=deadline,
        fail=fail,
        interval=1,
        host=host,
    )
    if state is BootState.DEGRADED:
        failed = ssh.run(["systemctl", "list-units", "--failed", "--plain", "--no-legend", "--no-pager"], check=False)
        names = ", ".join(line.split()[0] for line in failed.stdout.splitlines() if line.strip()) or "none listed"
        deadline.run.progress(f"{host}: booted with failed units, going on: {names}")


def _unless_away(probe: Callable[[], T | Pending]) -> T | Pending:
    """A first boot may end in another one; while it goes on, the host is only away."""
    try:
        return probe()
    except HostError as error:
        if error.fault in _SILENT:
            return Pending(error.seen or error.what)
        raise


def _starting(ssh: Ssh, word: str) -> str:
    jobs = ssh.run(["systemctl", "list-jobs", "--no-legend", "--no-pager", "--plain"], check=False).stdout.splitlines()
    units = [line.split()[1] for line in jobs if len(line.split()) >= 4 and line.split()[3] == "running"]
    return f"systemd is {word or 'silent'}" + (f", starting {', '.join(units[:3])}" if units else "")
