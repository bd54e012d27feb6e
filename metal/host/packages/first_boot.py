"""The first boot's set-up (cloud-init): whether it may still touch the host's packages."""

from __future__ import annotations

from metal.host.ssh import Ssh
from metal.waiting import Pending

__all__ = ["first_boot_ended", "judge", "parse_status"]

_SCRIPT = """
command -v cloud-init >/dev/null 2>&1 || { echo 'status: absent'; exit 0; }
cloud-init status || true
printf 'system: %s\\n' "$(systemctl is-system-running || true)"
"""
# "not run" up to cloud-init 22, "not started" later.
_TO_COME = ("not run", "not started")
_STARTING = ("initializing", "starting", "")


def first_boot_ended(ssh: Ssh) -> bool | Pending:
    """One look at the host."""
    return judge(*parse_status(ssh.script(_SCRIPT).stdout))


def parse_status(text: str) -> tuple[str, str]:
    """The status word of `cloud-init status`, and what systemd says of the system."""
    found = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}
    return found.get("status", "unknown"), found.get("system", "")


def judge(status: str, system: str) -> bool | Pending:
    """Whether the set-up has ended, is switched off, or will not come in this boot.

    One that has not begun is waited for only while systemd still has something to start: on a system that is up, it
    was installed later, and begins with the next boot.
    """
    if "running" in status.split() or (status in _TO_COME and system in _STARTING):
        return Pending(f"cloud-init: {status}")
    return True
