from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cli.main import main


def said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    monkeypatch.setattr(sys, "argv", ["metalswarm", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code
    return capsys.readouterr().err


def test_a_folder_that_is_a_file_is_one_line(tmp_path: Path, monkeypatch, capsys) -> None:
    file = tmp_path / "file"
    file.touch()
    assert said(monkeypatch, capsys, "schema", "--write", str(file)) == f"metalswarm: {file}: File exists\n"


def test_no_argument_ends_in_a_traceback(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments in (["nothing"], ["status"], ["context", "blue"], ["validate", "nowhere"], ["schema"], ["lab", "x"]):
        assert "Traceback" not in said(monkeypatch, capsys, *arguments)
