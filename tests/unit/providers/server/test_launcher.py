"""Which interpreter the launcher becomes, and what it passes on."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[4]
LAUNCHER = CHECKOUT / "providers" / "server" / "pulumi-resource-pulumi-python"


def _environment_in(folder: Path) -> None:
    """A stand-in interpreter that tells how it was called."""
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "$0|$*|${PYTHONPATH%%:*}|$$"\n')
    python.chmod(0o755)


def _launch(cwd: Path, launcher: Path = LAUNCHER, **variables: str) -> tuple[list[str], int]:
    environment = {"PATH": os.environ["PATH"], **variables}
    with subprocess.Popen(
        [launcher, "127.0.0.1:7"], cwd=cwd, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        output, _ = process.communicate(timeout=20)
    return output.strip().split("|"), process.pid


@pytest.mark.parametrize(
    ("made", "variable"),
    [("venvs/one", "venvs/one"), ("venvs/one", "venvs/one/"), ("venvs/one", "{cwd}/venvs/one"), (".venv", "")],
)
def test_becomes_the_interpreter_of_the_project(tmp_path: Path, made: str, variable: str) -> None:
    _environment_in(tmp_path / made)
    variables = {"PULUMI_RUNTIME_VIRTUALENV": variable.format(cwd=tmp_path)} if variable else {}
    (python, arguments, path, pid), started = _launch(tmp_path, **variables)
    assert Path(python) == tmp_path / made / "bin" / "python"
    assert arguments == "-u -m providers.server 127.0.0.1:7"
    assert path == str(CHECKOUT)
    assert int(pid) == started, "signals of the engine must reach the server itself"


def test_named_environment_comes_before_the_one_in_the_project(tmp_path: Path) -> None:
    _environment_in(tmp_path / "named")
    _environment_in(tmp_path / ".venv")
    (python, *_), _ = _launch(tmp_path, PULUMI_RUNTIME_VIRTUALENV="named")
    assert Path(python).parents[1].name == "named"


def test_without_any_environment_it_says_what_to_do(tmp_path: Path) -> None:
    server = tmp_path / "checkout" / "providers" / "server"
    server.mkdir(parents=True)
    copy = server / LAUNCHER.name
    copy.write_bytes(LAUNCHER.read_bytes())
    copy.chmod(0o755)
    done = subprocess.run([copy, "127.0.0.1:7"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "make venv" in done.stderr
