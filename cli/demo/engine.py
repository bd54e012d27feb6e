"""The demo's calls of the Pulumi CLI."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cli.demo.environment import Demo
from cli.demo.process import run
from metal.errors import MetalError

__all__ = ["Engine"]


class Engine:
    """The `pulumi` command in the demo's environment; output goes to the terminal.

    :param pulumi: path of the CLI.
    """

    def __init__(self, demo: Demo, pulumi: Path) -> None:
        self._demo = demo
        self._pulumi = pulumi

    def select_stack(self) -> int:
        return self._run("stack", "select", "--create", self._demo.stack)

    def up(self) -> int:
        self.drop_dead_locks()
        self.mend_torn_state()
        return self._run("up", "--yes", "--skip-preview", "--stack", self._demo.stack)

    def destroy(self) -> int:
        self.drop_dead_locks()
        self.mend_torn_state()
        return self._run("destroy", "--yes", "--skip-preview", "--stack", self._demo.stack)

    def changes(self) -> Mapping[str, int]:
        """Resources by operation in the last update: {"same": 40} when nothing changed."""
        history = self._json("stack", "history", "--json", "--page-size", "1", "--stack", self._demo.stack)
        return dict(history[0].get("resourceChanges") or {}) if history else {}

    def _run(self, *arguments: str) -> int:
        return run(self._command(*arguments), environment=self._demo.variables())[0]

    def _json(self, *arguments: str) -> Any:
        code, output = run(self._command(*arguments), environment=self._demo.variables(), capture=True)
        if code:
            raise MetalError(f"pulumi {' '.join(arguments)} failed with exit code {code}")
        return json.loads(output)

    def _command(self, *arguments: str) -> list[str]:
        return [str(self._pulumi), *arguments, "--non-interactive"]

    def drop_dead_locks(self) -> None:
        """A killed engine leaves its lock in the file backend; drop those whose process is gone from this machine."""
        for lock in (self._demo.state / ".pulumi" / "locks").rglob("*.json"):
            try:
                owner = json.loads(lock.read_text())
                here = owner["hostname"] == socket.gethostname()
                dead = here and not Path(f"/proc/{int(owner['pid'])}").exists()
            except (OSError, ValueError, KeyError):
                continue
            if dead:
                print(f"the last run was killed (process {owner['pid']}); taking its lock off the stack")
                lock.unlink(missing_ok=True)

    def mend_torn_state(self) -> None:
        """Take away what a kill or a power cut left half written of the file backend's state.

        The backend writes a file of attributes in place before it renames the new state over the old one; a state is
        read without it, and not at all with a torn one. A state that is itself torn has the version before beside it.
        Source: gocloud.dev, blob/fileblob, writerWithSidecar.Close.
        """
        path = self._demo.state / ".pulumi" / "stacks" / "metalswarm" / f"{self._demo.stack}.json"
        attributes = path.with_name(path.name + ".attrs")
        if attributes.exists() and not _is_json(attributes):
            print("the last run was killed while it wrote the state; taking the torn file of attributes away")
            attributes.unlink()
        before = path.with_name(path.name + ".bak")
        if path.exists() and not _is_json(path) and before.exists() and _is_json(before):
            print("the last run was killed while it wrote the state; taking the version before it")
            path.write_bytes(before.read_bytes())


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return True
