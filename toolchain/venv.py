"""The project's Python environment: everything from requirements.lock by hash, and the project itself, editable."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from toolchain.cache import ROOT, Cache, sha256_of
from toolchain.errors import ToolchainError
from toolchain.progress import Step

__all__ = ["venv"]

_LOCK = "requirements.lock"
_STAMP = ".requirements.sha256"


def venv(root: Path = ROOT) -> Path:
    """The path of the environment's Python. An environment made from the same lock file is used as it is.

    :raises ToolchainError: when it could not be made.
    """
    folder = root / ".venv"
    python = folder / "bin" / "python"
    wanted = sha256_of(root / _LOCK) + " " + sha256_of(root / "pyproject.toml")
    stamp = folder / _STAMP
    with Cache(root / ".metalswarm" / "cache").lock("venv"):
        if python.exists() and stamp.exists() and stamp.read_text() == wanted:
            return python
        _create(folder, python)
        install = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
        _run([*install, "--require-hashes", "-r", str(root / _LOCK)], f"installing {_LOCK}")
        # The build backend is in the lock file, so that nothing unpinned is fetched to build the project.
        _run([*install, "--no-deps", "--no-build-isolation", "--editable", str(root)], "installing the project")
        stamp.write_text(wanted)
    return python


def _create(folder: Path, python: Path) -> None:
    if python.exists() and _has_pip(python):
        return
    if importlib.util.find_spec("ensurepip") is None and os.geteuid() == 0 and shutil.which("apt-get"):
        # Debian keeps this part of the standard library in a package of its own.
        _run(["apt-get", "update", "-q"], "reading the package lists")
        _run(
            ["apt-get", "install", "-y", "-q", "--no-install-recommends", "python3-venv"],
            "installing the Debian package python3-venv",
            environment={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )
    _run(
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        "making the Python environment",
        cure="install Python's venv module (Debian: `apt-get install python3-venv`) and try again",
    )


def _has_pip(python: Path) -> bool:
    """False in an environment whose making was interrupted."""
    tried = subprocess.run(
        [python, "-m", "pip", "--version"], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    return tried.returncode == 0


def _run(
    argv: Sequence[str],
    what: str,
    *,
    cure: str = "check that the package index is reachable",
    environment: Mapping[str, str] | None = None,
) -> None:
    tail: list[str] = []
    with (
        Step(what) as step,
        subprocess.Popen(
            argv,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        done = 0
        for line in process.stdout:
            tail = [*tail[-19:], line.rstrip()]
            done += line.startswith("Collecting")
            step.at(f"{done} packages")
    if process.returncode != 0:
        raise ToolchainError(what, cause="\n    ".join(tail) or f"exit code {process.returncode}", cure=cure)
