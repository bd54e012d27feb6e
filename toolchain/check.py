"""`python -m toolchain.check [--full]`: everything that must hold before a change is merged, from an empty checkout.

Needs only Python and, where no Pulumi is installed, Go. As root it also installs the lab's Debian packages and tests on
virtual metal; otherwise it says what it leaves out. The last line is pytest's.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from toolchain.cache import ROOT
from toolchain.consul import consul
from toolchain.docker_cli import docker_cli
from toolchain.errors import ToolchainError
from toolchain.progress import say
from toolchain.pulumi import pulumi
from toolchain.sshd import sshd
from toolchain.venv import venv

__all__ = ["main"]

_LINT = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("lint-imports", "--no-cache"),
)


def main() -> int:
    """Run the command line; 0 when all is well, else the first failing step's exit code."""
    parser = argparse.ArgumentParser(prog="python -m toolchain.check")
    parser.add_argument("--full", action="store_true", help="also what takes too long for every change")
    parser.add_argument("--lint", action="store_true", help="format, lint, types and import rules only")
    options = parser.parse_args()
    os.chdir(ROOT)
    try:
        python = venv()
        if code := _lint(python):
            return code
        if options.lint:
            return 0
        root = os.geteuid() == 0
        if code := _go_tests():
            return code
        _tools(python, lab=root)
        return _tests(python, full=options.full, lab=root)
    except ToolchainError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        return 130


def _lint(python: Path) -> int:
    for argv in _LINT:
        if code := _step([str(python.parent / argv[0]), *argv[1:]]):
            return code
    return 0


def _tools(python: Path, *, lab: bool) -> None:
    pulumi()
    if sshd() is None:
        say("no sshd: the tests of the SSH client are left out; install openssh-server to include them")
    if not lab:
        return
    if _step([str(python), "-m", "cli.main", "lab", "install"]):
        raise ToolchainError(
            "installing the lab's Debian packages", cause="see above", cure="see above, then run it again"
        )
    consul()
    docker_cli()


def _go_tests() -> int:
    """The simulated controller is our only Go program."""
    if shutil.which("go") is None:
        say("no go on PATH: the tests of lab/stackengine are left out; install Go to include them")
        return 0
    return _step(["go", "test", "./..."], folder=Path("lab", "stackengine"), CGO_ENABLED="0")


def _tests(python: Path, *, full: bool, lab: bool) -> int:
    left_out = [] if full else ["full"]
    if not lab:
        left_out += ["lab", "root"]
        say("not root: tests marked lab and root (virtual metal) are left out; run as root to include them")
    if not full:
        say("tests marked full are left out; `make test-full` includes them")
    chosen = ["-m", " and ".join(f"not {marker}" for marker in left_out)] if left_out else []
    # Side by side what shares nothing; on one machine there is one virtual metal, and an engine fills it.
    together = ["--numprocesses=auto", "--maxprocesses=4"]
    if code := _step([str(python), "-m", "pytest", "tests/unit", *together, *chosen]):
        return code
    return _step([str(python), "-m", "pytest", "tests/engine", "tests/lab", *chosen])


def _step(argv: Sequence[str], *, folder: Path | None = None, **environment: str) -> int:
    shown = " ".join([Path(argv[0]).name, *argv[1:]])
    say(f"--- {shown}")
    started = time.monotonic()
    interrupts: list[int] = []
    # Ctrl-C reaches the child from the terminal; it must have the time to take its lab down. subprocess.run kills.
    before = signal.signal(signal.SIGINT, lambda number, frame: interrupts.append(number))
    try:
        with subprocess.Popen(argv, stdin=subprocess.DEVNULL, cwd=folder, env={**os.environ, **environment}) as child:
            code = child.wait()
    finally:
        signal.signal(signal.SIGINT, before)
    if interrupts:
        raise KeyboardInterrupt
    if code:
        say(f"--- {shown}: exit code {code} after {time.monotonic() - started:.0f} s")
    return code


if __name__ == "__main__":
    sys.exit(main())
