"""What a lab leaves on the machine, and how to ask a lab host something, both without any code of the lab."""

from __future__ import annotations

import subprocess
from pathlib import Path

from lab.api import Lab

__all__ = ["host_identity", "ssh", "traces"]


def _lines(*argv: str) -> set[str]:
    return set(subprocess.run(argv, check=True, capture_output=True, text=True).stdout.splitlines())


def traces(mark: str) -> dict[str, set[str]]:
    """Everything on this machine that could be the work of a lab; `mark` is in its processes' arguments."""
    processes = set()
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            arguments = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if mark in arguments and ("ipmi_sim" in arguments or "nspawn" in arguments or "-m lab." in arguments):
            processes.add(arguments)
    return {
        "namespaces": {line for line in _lines("ip", "netns", "list") if mark in line},
        "links": {line for line in _lines("ip", "-brief", "link") if mark in line},
        "mounts": {line for line in Path("/proc/mounts").read_text().splitlines() if mark in line},
        "control groups": {str(path) for path in Path("/sys/fs/cgroup").glob(f"**/*{mark}*")},
        "nspawn": {str(path) for path in Path("/run/systemd").glob(f"**/*{mark}*")},
        "processes": processes,
        "packet filter": {line for line in _lines("iptables-save") if not line.startswith(("#", ":"))},
        "forwarding": _lines("sysctl", "net.ipv4.ip_forward", "fs.inotify.max_user_instances"),
    }


def ssh(lab: Lab, name: str, command: str) -> str:
    """Standard output of a command on a host, as root with the lab's key."""
    options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes", "LogLevel=ERROR"]
    address = str(lab.spec.machine(name).address)
    return subprocess.run(
        ["ssh", "-i", str(lab.ssh_key), *(f"-o{option}" for option in options), f"root@{address}", command],
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    ).stdout.strip()


def host_identity(lab: Lab, name: str) -> dict[str, str]:
    """What tells one installed system from another, and one boot from another."""
    return {
        "machine id": ssh(lab, name, "cat /etc/machine-id"),
        "host key": ssh(lab, name, "cat /etc/ssh/ssh_host_ed25519_key.pub"),
        "boot id": ssh(lab, name, "cat /proc/sys/kernel/random/boot_id"),
    }
