"""A host for package tests: scripts run in a real shell; dnf and rpm answer what real ones answered, in that order."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from metal.errors import HostError, HostFault
from metal.host.ssh import Completed, Ssh
from metal.settings.access import Access

#: Command, status, standard output, standard error.
Call = tuple[list[str], int, str, str]

GOLDEN = Path(__file__).parents[4] / "golden" / "packages" / "dnf"

# Takes the first of the recorded calls off the list when it is the one made; says so when it is not.
_TOOL = """#!{python} -SE
import json, os, sys
path = {calls!r}
calls = json.load(open(path))
made = [os.path.basename(sys.argv[0]), *sys.argv[1:]]
if not calls or calls[0][0] != made:
    sys.exit("NOT RECORDED: %r; recorded: %r" % (made, calls[0][0] if calls else None))
_, rc, out, err = calls.pop(0)
json.dump(calls, open(path, "w"))
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(rc)
"""


@dataclass
class Replay:
    """Stands in for :class:`metal.host.ssh.Ssh`."""

    folder: Path
    access: Access = field(default_factory=lambda: Access("n1", "192.0.2.1", 22, "root", "default", False))

    @classmethod
    def of(cls, recording: str, folder: Path) -> Replay:
        """A host whose package tools answer like the golden file of that name."""
        return cls.playing(recorded(recording), folder)

    @classmethod
    def playing(cls, recording: list[Call], folder: Path) -> Replay:
        host = cls(folder)
        calls = folder / "calls"
        calls.write_text(json.dumps(recording))
        for tool in ("dnf", "rpm"):
            host.program(tool, _TOOL.format(python=sys.executable, calls=str(calls)))
        host.program("cloud-init", "#!/bin/sh\necho 'status: done'\n")
        host.program("systemctl", "#!/bin/sh\necho running\n")
        return host

    @property
    def ssh(self) -> Ssh:
        return cast("Ssh", self)

    @property
    def left(self) -> list[object]:
        """Recorded calls that were not made."""
        return cast("list[object]", json.loads((self.folder / "calls").read_text()))

    def program(self, name: str, text: str) -> None:
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o755)

    def run(self, argv: Sequence[str], *, check: bool = True, **_: object) -> Completed:
        environment = {"PATH": f"{self.folder}:/usr/bin:/bin", "LC_ALL": "C"}
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
        assert "NOT RECORDED" not in done.stderr, done.stderr
        if check and done.returncode:
            raise HostError("a command failed", fault=HostFault.COMMAND, host="n1", seen=done.stderr)
        return Completed(done.returncode, done.stdout, done.stderr)

    def script(self, text: str, *args: str, check: bool = True, **_: object) -> Completed:
        return self.run(["sh", "-euc", text.strip(), "sh", *args], check=check)


def recorded(name: str) -> list[Call]:
    """Calls of a golden file: `$` the command, `|` its output, `!` its standard error, `=` its status."""
    calls: list[Call] = []
    argv: list[str] = []
    out = err = ""
    for line in (GOLDEN / f"{name}.txt").read_text().splitlines():
        sign, rest = line[0], line[2:]
        if sign == "$":
            argv, out, err = json.loads(rest), "", ""
        elif sign == "|":
            out += f"{rest}\n"
        elif sign == "!":
            err += f"{rest}\n"
        else:
            calls.append((argv, int(rest), out, err))
    return calls
