"""systemd units on a host: written, enabled, started, and watched until they are up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from metal.errors import HostError, HostFault, MetalError
from metal.host.ssh import Ssh
from metal.waiting import Deadline, Pending, wait_until

__all__ = [
    "UnitState",
    "ensure_active",
    "ensure_unit",
    "forget_failure",
    "observe_unit",
    "parse_show",
    "remove_unit",
    "restart",
    "start",
    "stop",
]

_PROPERTIES = "LoadState,ActiveState,SubState,UnitFileState,MainPID,NeedDaemonReload,Job"
_UNIT_FOLDER = "/etc/systemd/system"
_JOURNAL_LINES = 15
# An unlimited `systemctl start` would hang with the unit; it is started without blocking and then watched.
_JOB_SECONDS = 60.0


@dataclass(frozen=True)
class UnitState:
    """What systemd says about a unit.

    :ivar load: "loaded", "not-found", "masked", ...
    :ivar active: "active", "activating", "failed", "inactive", ...
    :ivar sub: "running", "auto-restart", "exited", ...
    :ivar enabled: whether it starts at boot.
    :ivar main_pid: 0 when nothing runs.
    :ivar job: systemd has still to start or stop it.
    :ivar stale: the unit's file has changed since systemd read it.
    """

    load: str
    active: str
    sub: str
    enabled: bool
    main_pid: int
    job: bool
    stale: bool

    @property
    def up(self) -> bool:
        """Running now, and for a one-shot unit, done."""
        return self.active == "active"

    def __str__(self) -> str:
        return f"{self.load}, {self.active} ({self.sub})"


def observe_unit(ssh: Ssh, name: str) -> UnitState:
    """The state of unit `name` ("docker.service"); an unknown unit has load "not-found"."""
    return parse_show(ssh.run(["systemctl", "show", "--no-pager", f"--property={_PROPERTIES}", "--", name]).stdout)


def parse_show(text: str) -> UnitState:
    """Read the output of `systemctl show`."""
    shown = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return UnitState(
        load=shown.get("LoadState", "not-found"),
        active=shown.get("ActiveState", "inactive"),
        sub=shown.get("SubState", "dead"),
        enabled=shown.get("UnitFileState", "") in ("enabled", "enabled-runtime", "static", "alias", "generated"),
        main_pid=int(shown.get("MainPID") or 0),
        job=shown.get("Job", "0") not in ("", "0"),
        stale=shown.get("NeedDaemonReload") == "yes",
    )


def ensure_unit(ssh: Ssh, name: str, text: str) -> bool:
    """Make /etc/systemd/system/`name` have that text and systemd know it; True when the file changed.

    :param name: with its suffix; a drop-in as "docker.service.d/10-metalswarm.conf".
    """
    changed = ssh.write(f"{_UNIT_FOLDER}/{name}", text, mode=0o644)
    # Also after an interrupted run, where the file was written and systemd not told.
    unit = name.split(".d/")[0]
    if changed or observe_unit(ssh, unit).stale:
        ssh.run(["systemctl", "daemon-reload"])
    return changed


def remove_unit(ssh: Ssh, name: str, *, deadline: Deadline) -> bool:
    """Stop, disable and remove a unit that :func:`ensure_unit` wrote; True when there was one."""
    if observe_unit(ssh, name).load != "not-found":
        stop(ssh, name, deadline=deadline)
    removed = ssh.remove(f"{_UNIT_FOLDER}/{name}")
    if removed:
        ssh.run(["systemctl", "daemon-reload"])
        forget_failure(ssh, name)
    return removed


def ensure_active(ssh: Ssh, name: str, *, deadline: Deadline, restarted: bool = False) -> bool:
    """Enable `name`, start it when it is not up (or restart it when `restarted`), and wait until it is active.

    :param restarted: its files changed, so the running one is out of date.
    :returns: whether it was started or restarted.
    :raises HostError: NOT_READY with the journal's last lines: it failed, or the deadline passed.
    """
    seen = observe_unit(ssh, name)
    if not seen.enabled:
        ssh.run(["systemctl", "enable", "--", name])
    if restarted and seen.active not in ("inactive", "failed"):
        restart(ssh, name, deadline=deadline)
        return True
    if not seen.up:
        start(ssh, name, deadline=deadline)
        return True
    return False


def start(ssh: Ssh, name: str, *, deadline: Deadline) -> None:
    """Start and wait until active.

    :raises HostError: as :func:`ensure_active`.
    """
    forget_failure(ssh, name)
    _job(ssh, "start", name)
    _wait_active(ssh, name, deadline)


def restart(ssh: Ssh, name: str, *, deadline: Deadline) -> None:
    """Restart and wait until active with a new main process.

    :raises HostError: as :func:`ensure_active`.
    """
    forget_failure(ssh, name)
    _job(ssh, "restart", name)
    _wait_active(ssh, name, deadline)


def forget_failure(ssh: Ssh, *names: str) -> None:
    """Have systemd count the failures of these units from now: one that may not start fails what would start it."""
    ssh.run(["systemctl", "reset-failed", "--", *names], check=False)


def stop(ssh: Ssh, name: str, *, deadline: Deadline, disable: bool = True) -> bool:
    """Stop `name`, and keep it from starting at boot; True when it had been running. An unknown unit is stopped."""
    seen = observe_unit(ssh, name)
    if seen.load == "not-found":
        return False
    if disable and seen.enabled:
        ssh.run(["systemctl", "disable", "--", name])
    if seen.active in ("inactive", "failed"):
        return False
    _job(ssh, "stop", name)

    def probe() -> bool | Pending:
        now = observe_unit(ssh, name)
        return True if now.active in ("inactive", "failed") else Pending(str(now))

    wait_until(f"{name} stops", probe, deadline=deadline, fail=_failure(ssh, name), interval=0.5, host=_host(ssh))
    return True


def _job(ssh: Ssh, verb: str, name: str) -> None:
    done = ssh.run(["systemctl", "--no-block", verb, "--", name], timeout=_JOB_SECONDS, check=False)
    if done.rc != 0:
        raise HostError(
            f"systemd refuses to {verb} {name}",
            fault=HostFault.COMMAND,
            host=_host(ssh),
            tried=[f"systemctl {verb} {name}"],
            seen=(done.stderr or done.stdout).strip() or f"status {done.rc}",
        )


def _wait_active(ssh: Ssh, name: str, deadline: Deadline) -> None:
    """Wait for two looks in a row at the same main process: a service that dies at once is active for a moment."""
    last: UnitState | None = None

    def probe() -> UnitState | Pending:
        nonlocal last
        before, now = last, observe_unit(ssh, name)
        last = now
        # While the job is queued, the state is still that of the process before.
        if now.job:
            return Pending(f"{now}, job queued")
        if now.up and now == before:
            return now
        if now.active == "failed":
            raise _failure(ssh, name)(f"{name} has failed", str(now))
        return Pending(str(now))

    wait_until(f"{name} is active", probe, deadline=deadline, fail=_failure(ssh, name), interval=0.5, host=_host(ssh))


def _failure(ssh: Ssh, name: str) -> Callable[[str, str], MetalError]:
    def fail(what: str, seen: str) -> HostError:
        journal = ssh.run(
            ["journalctl", "--no-pager", "--output=cat", f"--lines={_JOURNAL_LINES}", f"--unit={name}"], check=False
        )
        return HostError(
            what,
            fault=HostFault.NOT_READY,
            host=_host(ssh),
            tried=[f"systemctl show {name}"],
            seen=f"{seen}; journal:\n    " + "\n    ".join(journal.stdout.strip().splitlines() or ["(empty)"]),
            next_step=f"look at `journalctl -u {name}` on the host, then run again",
        )

    return fail


def _host(ssh: Ssh) -> str:
    return ssh.access.host
