"""What the sight of a host over SSH means. No I/O."""

from __future__ import annotations

from collections.abc import Iterator

from metal.doctor.sight import HostSight, Machine, SshSight
from metal.doctor.view import Finding, Word
from metal.errors import HostFault
from metal.host.ssh import READ_ONLY_CURE

__all__ = ["host_findings", "host_words"]

_NOTHING = Word("-")
_SHUT = {"disk": _NOTHING, "clock": _NOTHING, "lock": _NOTHING}


def host_words(machine: Machine, seen: HostSight) -> dict[str, Word]:
    """A word for each check over SSH."""
    ssh = seen.ssh
    if ssh is None:
        why = "untouched" if machine.untouched else seen.ssh_skipped or "-"
        return {"ssh": Word(why, None, machine.untouched), **_SHUT}
    if ssh.trouble is not None:
        return {"ssh": _shut(ssh), **_SHUT}
    clock = _NOTHING
    if ssh.skew is not None:
        clock = Word(f"{ssh.skew.seconds:+.2f} s", ssh.skew.within(machine.clock_bound), str(ssh.skew))
    lock = _NOTHING if ssh.lock is None else Word("held" if ssh.lock else "free", not ssh.lock, ssh.lock)
    disk = _NOTHING if ssh.read_only is None else Word("read-only" if ssh.read_only else "ok", not ssh.read_only)
    good = ssh.root and ssh.mismatch is None
    state = "ok" if good else "not root" if not ssh.root else "other machine"
    return {"ssh": Word(state, good, ssh.release), "disk": disk, "clock": clock, "lock": lock}


def _shut(ssh: SshSight) -> Word:
    assert ssh.trouble is not None
    words = {HostFault.AUTH: "key refused", HostFault.HOST_KEY: "other host key", "settings": "not asked"}
    state = next((word for fault, word in words.items() if ssh.trouble.fault == fault), "no answer")
    return Word(state, False, ssh.trouble.what)


def host_findings(machine: Machine, seen: HostSight) -> Iterator[Finding]:
    """What is wrong, in the order of the checks."""
    ssh = seen.ssh
    if ssh is None:
        return
    if ssh.trouble is not None:
        yield Finding(
            "ssh", f"ssh-{ssh.trouble.fault.replace(' ', '-') or 'failed'}", ssh.trouble.what, ssh.trouble.cure
        )
        return
    if not ssh.root:
        yield Finding(
            "ssh",
            "ssh-not-root",
            "commands do not run as root",
            "let the user of the inventory use sudo without a password (NOPASSWD: ALL), or log in as root",
        )
    if ssh.mismatch is not None:
        yield Finding("ssh", "other-machine", ssh.mismatch.what, ssh.mismatch.cure)
    if ssh.read_only:
        yield Finding(
            "disk",
            "disk-read-only",
            f"nothing can be written under {', '.join(ssh.read_only)}: the file system is read-only",
            READ_ONLY_CURE,
        )
    if ssh.skew is not None and not ssh.skew.within(machine.clock_bound):
        yield Finding(
            "clock",
            "clock-skew",
            f"its clock is {ssh.skew}; at most {machine.clock_bound:g} s (ready.clock_skew)",
            "start time synchronisation on the host (systemd-timesyncd or chrony); if every host is off by the same, "
            "it is the clock here",
        )
    if ssh.lock:
        yield Finding(
            "lock",
            "packages-locked",
            f"its package manager is locked: {ssh.lock}",
            "let that process end, or end it; an update waits for it up to deadlines.packages",
        )
