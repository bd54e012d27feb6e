"""With a real Go compiler and a module that needs no other."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from toolchain.errors import ToolchainError
from toolchain.gobuild import GoTool

needs_go = pytest.mark.skipif(shutil.which("go") is None, reason="no go on PATH")


def _module(folder: Path, source: str) -> GoTool:
    folder.mkdir()
    (folder / "go.mod").write_text("module example/probe\n\ngo 1.21\n")
    (folder / "go.sum").write_text("")
    (folder / "main.go").write_text(source)
    return GoTool("probe", module=folder, package="example/probe", variables=["main.version=7"], static=True)


@needs_go
def test_builds_with_the_version_linked_in(tmp_path: Path) -> None:
    tool = _module(tmp_path / "m", "package main\n\nvar version string\n\nfunc main() { print(version) }\n")
    tool.build(tmp_path / "probe")
    assert subprocess.run([tmp_path / "probe"], capture_output=True, text=True, check=True).stderr == "7"


@needs_go
def test_failure_shows_what_the_compiler_said(tmp_path: Path) -> None:
    tool = _module(tmp_path / "m", "package main\n\nfunc main() { nothing() }\n")
    with pytest.raises(ToolchainError) as caught:
        tool.build(tmp_path / "probe")
    assert "undefined: nothing" in caught.value.cause
    assert not (tmp_path / "probe").exists()


def test_without_go_the_cure_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolchainError) as caught:
        _module(tmp_path / "m", "").build(tmp_path / "probe")
    assert "install Go" in caught.value.cure
