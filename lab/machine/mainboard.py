"""The machine while it has power: runs as the first process of its own mount and process namespaces.

Ending it ends all that the machine runs and unmounts its disk, whoever does it and however hard. Signals from its BMC:
SIGTERM asks the system to shut down, SIGHUP is the reset line, SIGKILL is power off.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from enum import Enum
from pathlib import Path

from lab.bmc.flags import BootFlags, boot_clock, read_flags, write_flags
from lab.faults.book import read_faults
from lab.faults.kinds import KINDS
from lab.faults.live import KeptFaults
from lab.faults.planted import plant_into, plants
from lab.faults.rule import Action, Fault
from lab.machine.cgroups import ensure_cgroups
from lab.machine.disk import MachineDisk
from lab.machine.firmware import Boot, decide_boot
from lab.machine.installer import MachineConfig, install_system
from lab.machine.system import REBOOT_STATUS, boot_command, end_everything, start_system

__all__ = ["Mainboard"]

_WATCHED = (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP)


class _End(Enum):
    OFF = "power off"
    AGAIN = "boot again"


class Mainboard:
    """The machine under `directory`, which holds config.json."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._config = MachineConfig.read(directory / "config.json")
        self._disk = MachineDisk(directory)
        self._faults = KeptFaults(Path(self._config.faults), Path(self._config.spent_faults))

    def run(self) -> None:
        """Boot, and boot again after a reboot or reset, until the system powers itself off."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
        while self._boot() is _End.AGAIN:
            end_everything()
            self._disk.unmount()
        end_everything()
        self._disk.unmount()

    def _boot(self) -> _End:
        config = self._config
        flags_path = Path(config.flags)
        flags = read_flags(flags_path)
        # The flags are used up whatever comes of them.
        obeyed = BootFlags() if self._faults.pick("boot", Action.DISK) else flags
        decision = decide_boot(obeyed, self._disk.observe(), limit=config.install_limit, now=boot_clock())
        write_flags(flags_path, flags.consumed())
        if self._faults.pick("boot", Action.HANG):
            self._say("hangs")
            return self._hang()
        self._say(f"{decision}")
        if decision in (Boot.NO_SYSTEM, Boot.REFUSED):
            return self._hang()
        if decision is Boot.INSTALL:
            self._disk.wipe()
        self._disk.mount(Path(config.image))
        if decision is Boot.INSTALL:
            install_system(self._disk.root, config)
            self._disk.finish(Path(config.image))
        # All kinds are known ones: what was planted before this start and is wanted no more goes.
        every = [rule for kind in KINDS for rule in kind.rules()]
        plant_into(
            self._disk.root,
            plants(read_faults(Path(config.faults))),
            plants([Fault(0, "", tuple(every), 0)]),
        )
        cgroups = ensure_cgroups(config.cgroup, config.name)
        return self._watch(start_system(boot_command(config, self._disk, cgroups), self._directory / "console.log"))

    def _hang(self) -> _End:
        """Powered, with nothing that could answer: only reset and power off reach it."""
        while signal.sigwait(_WATCHED) != signal.SIGHUP:
            pass
        return _End.AGAIN

    def _watch(self, system: subprocess.Popen[bytes]) -> _End:
        while True:
            received = signal.sigwait(_WATCHED)
            if received == signal.SIGHUP:
                self._say("reset")
                return _End.AGAIN
            if received == signal.SIGTERM:
                # Not by the Popen object, which would look for the exit status that is waited for here.
                os.kill(system.pid, signal.SIGTERM)
            status = self._reap(system.pid)
            if status is not None:
                self._say(f"system ended with status {status}")
                return _End.AGAIN if status == REBOOT_STATUS else _End.OFF

    @staticmethod
    def _reap(system: int) -> int | None:
        """Bury what has ended; the system's exit status when it was among them."""
        ended = None
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return ended
            if pid == 0:
                return ended
            if pid == system:
                ended = os.waitstatus_to_exitcode(status)

    def _write(self, name: str, text: str) -> None:
        new = self._directory / f"{name}.new"
        new.write_text(text + "\n")
        os.replace(new, self._directory / name)

    def _say(self, what: str) -> None:
        self._write("firmware", what)
        sys.stdout.write(f"{self._config.name}: {what}\n")
        sys.stdout.flush()
