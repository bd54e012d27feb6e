"""A temporary Pulumi project on the real engine: file backend, own PULUMI_HOME, our provider server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

__all__ = ["Outcome", "Project"]

CHECKOUT = Path(__file__).resolve().parents[2]
SERVER = CHECKOUT / "providers" / "server"


@dataclass(frozen=True)
class Outcome:
    """What one pulumi command did.

    :ivar events: engine events in order, as the engine writes them (camelCase).
    """

    returncode: int
    output: str
    events: list[dict[str, Any]]
    seconds: float

    @property
    def ok(self) -> bool:
        return self.returncode == 0

    def expect(self, *, ok: bool = True) -> Outcome:
        """This outcome, or an assertion failure with the output."""
        assert self.ok == ok, f"exit code {self.returncode}\n{self.output}"
        return self

    @property
    def changes(self) -> dict[str, int]:
        """Resources by operation ("create", "same", ...), from the summary."""
        for event in reversed(self.events):
            if "summaryEvent" in event:
                return dict(event["summaryEvent"].get("resourceChanges") or {})
        return {}

    def steps(self, kind: str = "resourcePreEvent") -> list[tuple[str, str]]:
        """(operation, URN) in order; `kind` may be resOutputsEvent, when each one ended."""
        found = [event[kind]["metadata"] for event in self.events if kind in event]
        return [(metadata["op"], metadata["urn"]) for metadata in found]

    def diagnostics(self, severity: str | None = None) -> list[dict[str, Any]]:
        """Diagnostic events; `severity` is info, info#err, warning or error."""
        found = [event["diagnosticEvent"] for event in self.events if "diagnosticEvent" in event]
        return [event for event in found if severity in (None, event.get("severity"))]


@dataclass
class Project:
    """A project in `folder`, with a stack `dev`.

    :ivar pulumi: path of the CLI.
    :ivar environment: extra variables for every command; change it freely.
    """

    folder: Path
    pulumi: Path
    name: str = "probe"
    environment: dict[str, str] = field(default_factory=dict)

    def create(self, program: str, *, modules: Mapping[str, str] | None = None, stock_server: bool = False) -> Project:
        """Write the project's files and make the stack.

        :param program: text of `__main__.py`.
        :param modules: further files by name, e.g. {"parts.py": "..."}; provider classes must live in one of them.
        :param stock_server: leave the SDK's own provider server in place.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.state.mkdir(exist_ok=True)
        project: dict[str, Any] = {
            "name": self.name,
            "runtime": {"name": "python", "options": {"virtualenv": sys.prefix}},
        }
        if not stock_server:
            project["plugins"] = {"providers": [{"name": "pulumi-python", "path": str(SERVER)}]}
        (self.folder / "Pulumi.yaml").write_text(yaml.safe_dump(project))
        self.write(program, modules=modules)
        self.run("stack", "init", "dev").expect()
        return self

    def write(self, program: str, *, modules: Mapping[str, str] | None = None) -> None:
        """Replace the program (and modules)."""
        for name, text in {"__main__.py": program, **(modules or {})}.items():
            (self.folder / name).write_text(text)

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def checkpoint(self) -> Path:
        """The file that the file backend keeps the stack's state in."""
        return self.state / ".pulumi" / "stacks" / self.name / "dev.json"

    @property
    def variables(self) -> dict[str, str]:
        """The whole environment of a command. Nothing of the caller's Pulumi leaks in."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PULUMI_", "METALSWARM_"))}
        bundled = (self.pulumi.resolve().parent / "pulumi-resource-pulumi-python").exists()
        path = [str(self.pulumi.parent), *([] if bundled else [str(self._stock_server())]), kept.get("PATH", "")]
        return {
            **kept,
            "PATH": os.pathsep.join(path),
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_BACKEND_URL": f"file://{self.state}",
            "PULUMI_CONFIG_PASSPHRASE": "tests only",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_DEBUG_COMMANDS": "true",  # brings --event-log
            "PULUMI_PARALLEL": "128",  # as in .envrc
            "PYTHONDONTWRITEBYTECODE": "1",
            "NO_COLOR": "1",
            **self.environment,
        }

    def run(self, *arguments: str, timeout: float = 300) -> Outcome:
        """Run one pulumi command to its end."""
        started = time.monotonic()
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, [], time.monotonic() - started)

    def command(self, *arguments: str) -> list[str]:
        return [str(self.pulumi), *arguments, "--non-interactive"]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start one pulumi command; the caller ends it."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def up(self, *arguments: str, timeout: float = 300) -> Outcome:
        return self._operation("up", "--yes", "--skip-preview", "--stack", "dev", *arguments, timeout=timeout)

    def preview(self, *arguments: str, timeout: float = 300) -> Outcome:
        return self._operation("preview", "--stack", "dev", *arguments, timeout=timeout)

    def refresh(self, *arguments: str, timeout: float = 300) -> Outcome:
        return self._operation("refresh", "--yes", "--skip-preview", "--stack", "dev", *arguments, timeout=timeout)

    def destroy(self, *arguments: str, timeout: float = 300) -> Outcome:
        return self._operation("destroy", "--yes", "--skip-preview", "--stack", "dev", *arguments, timeout=timeout)

    def _operation(self, *arguments: str, timeout: float) -> Outcome:
        log = self.folder / "events.jsonl"
        log.unlink(missing_ok=True)
        outcome = self.run(*arguments, "--event-log", str(log), timeout=timeout)
        return Outcome(outcome.returncode, outcome.output, self.events(log), outcome.seconds)

    def events(self, log: Path) -> list[dict[str, Any]]:
        """The events in a log written by `--event-log`; a last line cut short is left out."""
        lines = log.read_text().splitlines(keepends=True) if log.exists() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def export(self) -> dict[str, Any]:
        """The stack's state, secrets encrypted."""
        outcome = subprocess.run(
            self.command("stack", "export", "--stack", "dev"),
            cwd=self.folder,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return dict(json.loads(outcome.stdout)["deployment"])

    def resources(self) -> dict[str, dict[str, Any]]:
        """The state's resources by the last part of their URN."""
        return {resource["urn"].split("::")[-1]: resource for resource in self.export().get("resources") or []}

    def config(self, settings: Mapping[str, str], *, secret: Sequence[str] = ()) -> None:
        """Set plain and secret configuration values of the stack."""
        for key, value in settings.items():
            kind = "--secret" if key in secret else "--plaintext"
            self.run("config", "set", "--stack", "dev", kind, key, value).expect()

    def _stock_server(self) -> Path:
        """A folder with the SDK's own provider server, which the official CLI has beside it."""
        folder = self.folder / "stock"
        launcher = folder / "pulumi-resource-pulumi-python"
        if not launcher.exists():
            folder.mkdir(parents=True, exist_ok=True)
            launcher.write_text(f'#!/bin/sh\nexec {sys.executable} -u -m pulumi.dynamic "$@"\n')
            launcher.chmod(0o755)
        return folder

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
