"""What `metalswarm discover` refuses before it asks anybody."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import discover
from metal import discover as room


def test_a_file_in_no_folder_is_refused_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "discover", lambda *given, **named: pytest.fail("it asked"))
    done = CliRunner().invoke(discover.app, ["127.0.0.1", "--write", str(tmp_path / "typo" / "found.yaml")])
    assert done.exit_code != 0
    assert "there is no folder" in f"{done.output}{done.exception}"
    assert not (tmp_path / "typo").exists()
