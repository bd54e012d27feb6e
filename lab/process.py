"""Processes that outlive the command that started them: found again, and ended, by pid and start time."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError
from metal.waiting import Deadline, Pending, wait_until

__all__ = ["Daemon", "ProcessId", "running"]

_SPAWN = Path(__file__).with_name("spawn.sh")


@dataclass(frozen=True)
class ProcessId:
    """A process of this boot of this machine; a reused pid is another ProcessId.

    :ivar started: start time in clock ticks since boot (proc(5), stat field 22).
    """

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> ProcessId | None:
        """None when there is no such process or only its zombie."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return None
        fields = stat.rpartition(") ")[2].split()
        return None if fields[0] in "ZX" else cls(pid, int(fields[19]))

    @property
    def alive(self) -> bool:
        return ProcessId.of(self.pid) == self

    def signal(self, number: signal.Signals) -> bool:
        """Send a signal to this very process; False when it is gone."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return False
        try:
            if not self.alive:
                return False
            signal.pidfd_send_signal(descriptor, number)
        except ProcessLookupError:
            return False
        finally:
            os.close(descriptor)
        return True


@dataclass(frozen=True)
class Daemon:
    """A program started once. It records itself before it begins, so that a crash of the starter loses nothing.

    :ivar record: file holding "pid start-time".
    :ivar log: takes standard output and error.
    """

    name: str
    record: Path
    log: Path

    def process(self) -> ProcessId | None:
        """The running process, or None."""
        try:
            pid, started = (int(field) for field in self.record.read_text().split())
        except (FileNotFoundError, ValueError):
            return None
        process = ProcessId(pid, started)
        return process if process.alive else None

    def start(self, argv: Sequence[str], *, deadline: Deadline, env: Mapping[str, str] | None = None) -> ProcessId:
        """Start it detached unless it runs; returns when it is recorded and runs its program."""
        if running := self.process():
            return running
        self.record.parent.mkdir(parents=True, exist_ok=True)
        self.record.unlink(missing_ok=True)
        subprocess.run(
            ["setsid", "--fork", "/bin/sh", str(_SPAWN), str(self.record), str(self.log), *argv],
            check=True,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **(env or {})},
        )
        return wait_until(
            f"{self.name} starts",
            self._begun,
            deadline=deadline,
            fail=lambda what, seen: LabError(f"{self.name} did not start", seen=self.last_words() or seen),
            interval=0.01,
        )

    def _begun(self) -> ProcessId | Pending:
        """The process once it runs its program: until then it may still find that there is none."""
        process = self.process()
        if process is None:
            return Pending("no such process yet")
        try:
            argv = Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            return Pending("it ended at once")
        return Pending("it is about to run its program") if os.fsencode(_SPAWN) in argv else process

    def stop(self, *, deadline: Deadline, patience: float = 3.0) -> bool:
        """SIGTERM, after `patience` seconds SIGKILL; True when there was something to stop."""
        process = self.process()
        if process:
            process.signal(signal.SIGTERM)
            process.signal(signal.SIGCONT)
            with contextlib.suppress(LabError):
                self._gone(process, deadline.within(patience))
            process.signal(signal.SIGKILL)
            self._gone(process, deadline)
        self.record.unlink(missing_ok=True)
        return process is not None

    def _gone(self, process: ProcessId, deadline: Deadline) -> None:
        wait_until(
            f"{self.name} ends",
            lambda: Pending(f"process {process.pid} runs") if process.alive else True,
            deadline=deadline,
            fail=lambda what, seen: LabError(f"{self.name} does not end", seen=seen),
            interval=0.02,
        )

    def last_words(self) -> str:
        """The end of the log, for errors."""
        try:
            return " / ".join(self.log.read_text(errors="replace").splitlines()[-5:])
        except FileNotFoundError:
            return ""


def running(path: Path, marks: Sequence[str]) -> list[ProcessId]:
    """Processes with both one of `marks` and `path`, or something beneath it, among program name and arguments."""
    argument = str(path)
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        try:
            arguments = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if not any(mark in arguments for mark in marks):
            continue
        if any(part == argument or part.startswith(argument + "/") for part in arguments):
            process = ProcessId.of(int(entry.name))
            if process:
                found.append(process)
    return found
