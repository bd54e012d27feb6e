"""An `up` under way, to be killed or interrupted, and what has to be done after a kill."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import threading
from pathlib import Path

from tests.engine.torn import mend_torn_attributes
from tests.lab.stack import LabStack
from tests.waiting import wait_for

__all__ = ["RunningUp", "unlock"]


class RunningUp:
    """An `up` under way, in a process group of its own, ended with the test."""

    def __init__(self, stack: LabStack) -> None:
        stack._write()
        self._folder = str(stack.project.folder)
        self._engine = subprocess.Popen(
            stack.project.command("up", "--yes", "--skip-preview", "--stack", "dev"),
            cwd=stack.project.folder,
            env=stack.project.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.output: list[str] = []
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._engine.stdout
        for line in self._engine.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def until(self, words: str, *, seconds: float = 120) -> None:
        """Return when a line of the output holds `words`."""
        while True:
            line = self._lines.get(timeout=seconds)
            assert line is not None, f"ended before {words!r}:\n{''.join(self.output)}"
            self.output.append(line)
            if words in line:
                return

    def kill(self) -> None:
        """SIGKILL to the engine and its process group; what it started must end by itself."""
        os.killpg(self._engine.pid, signal.SIGKILL)
        self._engine.wait()
        wait_for("provider and language host end with their engine", lambda: not self.processes(), seconds=10)

    def interrupt(self, *, seconds: float) -> int:
        """SIGINT, as ^C sends it; the exit code."""
        self._engine.send_signal(signal.SIGINT)
        code = self._engine.wait(timeout=seconds)
        while (line := self._lines.get(timeout=seconds)) is not None:
            self.output.append(line)
        return code

    def processes(self) -> list[str]:
        """Arguments of all processes that work in the project's folder."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(entry / "cwd") == self._folder:
                    found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
        return found

    def end(self) -> None:
        if self._engine.poll() is None:
            os.killpg(self._engine.pid, signal.SIGKILL)
            self._engine.wait()


def unlock(stack: LabStack) -> None:
    """What docs/operations.md says to do after a kill: the file backend's lock outlives the engine."""
    mend_torn_attributes(stack.project)
    refused = stack.project.run("up", "--yes", "--skip-preview", "--stack", "dev").expect(ok=False)
    assert "pulumi cancel" in refused.output
    stack.project.run("cancel", "--yes", "--stack", "dev").expect()
