"""A burn-in on a host: a transient unit of its systemd, which outlasts the connection and whoever waits for it."""

from __future__ import annotations

from metal.host.ssh import Ssh
from metal.plan.burn_in import BurnInState, BurnInUnit

__all__ = ["SCRIPT", "UNIT", "observe_burn_in", "parse_unit", "start_burn_in", "stop_burn_in", "tail_of_burn_in"]

UNIT = "metalswarm-burn-in.service"
# In a file: a command line would be expanded by systemd once more.
SCRIPT = "/var/lib/metalswarm/burn-in.sh"
_PROPERTIES = "LoadState,ActiveState,SubState,Result,ExecMainStatus,Description"
_NAME = "metalswarm burn-in"
_TAIL = 15
_STOP_SECONDS = 60.0


def observe_burn_in(ssh: Ssh) -> BurnInUnit:
    """What the host's systemd knows of a burn-in in this boot."""
    return parse_unit(ssh.run(["systemctl", "show", "--no-pager", f"--property={_PROPERTIES}", UNIT]).stdout)


def parse_unit(text: str) -> BurnInUnit:
    """Read the output of `systemctl show`."""
    shown = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    active, result = shown.get("ActiveState", "inactive"), shown.get("Result", "success")
    if shown.get("LoadState") != "loaded" or active == "inactive":
        return BurnInUnit(BurnInState.ABSENT)
    status = shown.get("ExecMainStatus", "0")
    of = {
        "fingerprint": shown.get("Description", "").removeprefix(_NAME).strip(),
        "result": result,
        "status": int(status) if status.isdigit() else 0,
    }
    if active == "failed":
        return BurnInUnit(BurnInState.FAILED, **of)  # type: ignore[arg-type]
    done = active == "active" and shown.get("SubState") == "exited"
    return BurnInUnit(BurnInState.PASSED if done else BurnInState.RUNNING, **of)  # type: ignore[arg-type]


def start_burn_in(ssh: Ssh, command: str, fingerprint: str, *, seconds: float) -> None:
    """Start it; systemd ends it after `seconds`, whether anybody waits for it or not.

    :raises HostError: COMMAND: systemd refuses.
    """
    ssh.write(SCRIPT, command + "\n", mode=0o700)
    ssh.run(
        [
            "systemd-run",
            "--quiet",
            "--no-block",
            "--remain-after-exit",
            f"--unit={UNIT}",
            f"--description={_NAME} {fingerprint}",
            f"--property=RuntimeMaxSec={seconds:.0f}",
            f"--property=TimeoutStopSec={_STOP_SECONDS / 2:.0f}",
            "--property=WorkingDirectory=/",
            "/bin/sh",
            "-e",
            SCRIPT,
        ]
    )


def stop_burn_in(ssh: Ssh, *, wait: bool = True) -> None:
    """End it with everything it has started, and have systemd forget it.

    :param wait: until it has ended; without, it is told to and no more.
    """
    ssh.run(["systemctl", *([] if wait else ["--no-block"]), "stop", UNIT], timeout=_STOP_SECONDS, check=False)
    ssh.run(["systemctl", "reset-failed", UNIT], check=False)


def tail_of_burn_in(ssh: Ssh) -> str:
    """The last lines that it printed, indented for an error."""
    shown = ["journalctl", "--no-pager", "--output=cat", f"--lines={_TAIL}", f"--unit={UNIT}"]
    lines = ssh.run(shown, check=False).stdout.strip().splitlines()
    return "\n    ".join(lines or ["(it printed nothing)"])
