"""A reboot over SSH, proven by another boot-id."""

from __future__ import annotations

import json
from dataclasses import asdict

from metal.errors import HostError, HostFault
from metal.host.plan import BootState, boot_state
from metal.host.ssh import Ssh, SshPool
from metal.plan.reboot import RebootNote
from metal.settings.access import Access
from metal.waiting import Deadline, Pending, wait_until

__all__ = ["read_boot_id", "read_note", "reboot", "write_note"]

NOTE_PATH = "/var/lib/metalswarm/reboot.json"
_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_LOOK_SECONDS = 10.0
_SILENT = (HostFault.UNREACHABLE, HostFault.TIMEOUT)


def read_boot_id(ssh: Ssh) -> str:
    """The id of the boot that answers.

    :raises HostError: COMMAND: the kernel does not tell it.
    """
    return ssh.run(["cat", _BOOT_ID]).stdout.strip()


def read_note(ssh: Ssh) -> RebootNote | None:
    """What an earlier reboot left on the host; None where there is nothing readable."""
    try:
        data = json.loads(ssh.read(NOTE_PATH) or b"{}")
        return RebootNote(str(data["label"]), str(data.get("boot_id", "")))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def write_note(ssh: Ssh, note: RebootNote) -> None:
    ssh.write(NOTE_PATH, json.dumps(asdict(note), sort_keys=True) + "\n", mode=0o644)


def reboot(pool: SshPool, access: Access, *, deadline: Deadline) -> str:
    """Reboot the host, and wait until another boot of it answers and has come up; the new boot-id.

    :param access: with the host key, which a reboot does not change.
    :raises HostError: TIMEOUT: the same boot still answers, or none does.
    """
    ssh = pool.connect(access, deadline=deadline)
    before = read_boot_id(ssh)
    # On its way when this returns; the connection may end before the answer arrives.
    try:
        ssh.run(["systemctl", "--no-block", "reboot"], check=False)
    except HostError as error:
        if error.fault not in _SILENT:
            raise

    def another() -> str | Pending:
        try:
            seen = pool.connect(access, deadline=deadline.within(_LOOK_SECONDS), auth_grace=0)
            now = read_boot_id(seen)
            if now == before:
                return Pending("the old boot still answers")
            word = seen.run(["systemctl", "is-system-running"], timeout=30, check=False).stdout.strip()
        except HostError as error:
            if error.fault not in (*_SILENT, HostFault.AUTH):
                raise
            return Pending(error.seen or error.what)
        up = boot_state(word) in (BootState.UP, BootState.DEGRADED)
        return now if up else Pending(f"systemd is {word or 'silent'}")

    return wait_until(
        f"{access.host} has rebooted",
        another,
        deadline=deadline,
        fail=lambda late, seen: HostError(
            late,
            fault=HostFault.TIMEOUT,
            host=access.host,
            tried=["systemctl reboot", f"another boot-id than {before}"],
            seen=seen,
            next_step="look at the host's console; the next run goes on with this host",
        ),
        host=access.host,
    )
