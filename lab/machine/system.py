"""One running system: systemd-nspawn on the machine's disk, until it halts, reboots or is killed."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from lab.machine.disk import MachineDisk
from lab.machine.installer import MachineConfig

__all__ = ["REBOOT_STATUS", "boot_command", "end_everything", "start_system"]

REBOOT_STATUS = 133
"""Exit status of systemd-nspawn --keep-unit when the system inside asked for a reboot (EXIT_FORCE_RESTART)."""

_BOOT = Path(__file__).with_name("boot.sh")

_ENVIRONMENT = {
    # Engines in the host load programs into the kernel that nspawn's filter would refuse.
    "SYSTEMD_SECCOMP": "0",
    # Swarm writes network settings in /proc/sys, and an engine makes control groups.
    "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "1",
}


def boot_command(config: MachineConfig, disk: MachineDisk, cgroups: list[Path]) -> list[str]:
    """The program that is the running host; its process id becomes systemd-nspawn's."""
    wiring = [
        config.switch,
        config.bridge,
        config.name,
        f"{config.address}/{config.prefix}",
        config.mac,
        ":".join(str(group) for group in cgroups),
    ]
    nspawn = [
        "systemd-nspawn",
        "--quiet",
        "--boot",
        "--register=no",
        "--keep-unit",
        f"--directory={disk.root}",
        f"--machine={config.lab}-{config.name}",
        f"--hostname={config.name}",
        "--network-namespace-path=/proc/self/ns/net",
        "--kill-signal=SIGRTMIN+4",
        "--capability=all",
        "--private-users=no",
        "--resolv-conf=off",
        "--timezone=off",
        "--link-journal=no",
        "--console=pipe",
        *(f"--bind={source}:{target}" for source, target in disk.binds.items()),
    ]
    return ["unshare", "--net", "--", "/bin/sh", str(_BOOT), *wiring, *nspawn]


def start_system(command: list[str], console: Path) -> subprocess.Popen[bytes]:
    """Start it with its console in a file."""
    # What the mainboard blocks to wait for must reach the system.
    with console.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **_ENVIRONMENT},
            preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_SETMASK, ()),
        )


def end_everything() -> None:
    """Kill and reap all other processes of this process namespace, whose first process the caller is."""
    if os.getpid() != 1:
        raise RuntimeError("only the first process of a process namespace may end all others")
    try:
        os.kill(-1, signal.SIGKILL)
        while True:
            os.waitpid(-1, 0)
    except (ProcessLookupError, ChildProcessError):
        return
