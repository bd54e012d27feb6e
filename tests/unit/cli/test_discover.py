"""What `metalswarm discover` refuses before it asks anybody, and its exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import discover
from metal import discover as room
from metal.discover.sight import Found
from metal.discover.write import check_writable
from metal.errors import InputError
from tests.unit.metal.discover.test_write import discovery


def test_a_file_in_no_folder_is_refused_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "discover", lambda *given, **named: pytest.fail("it asked"))
    done = CliRunner().invoke(discover.app, ["127.0.0.1", "--write", str(tmp_path / "typo" / "found.yaml")])
    assert isinstance(done.exception, InputError)
    assert "there is no folder" in str(done.exception)
    assert not (tmp_path / "typo").exists()


@pytest.mark.parametrize("option", ["--write", "--inventory"])
def test_a_folder_that_cannot_be_written_to_is_refused_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    """In /proc nobody makes a file, root neither."""
    monkeypatch.setattr(room, "discover", lambda *given, **named: pytest.fail("it asked"))
    file = Path("/proc/found.yaml" if option == "--write" else "/proc/version")
    monkeypatch.setattr(discover, "_known", lambda files: ())
    done = CliRunner().invoke(discover.app, ["127.0.0.1", option, str(file), "--update"])
    assert isinstance(done.exception, InputError)
    assert f"{option} = {file}: /proc cannot be written to" in str(done.exception)
    assert ".new" not in str(done.exception)
    kept = tmp_path / "found.yaml"
    kept.write_text("hosts: {}\n")
    check_writable(kept, "--write")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("found.yaml", "hosts: {}\n")]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 1, "--write FILE adds it"),
        (["--json"], 1, "left to decide, so this ends with 1: 10.9.1.11"),
        (["--write", "rack1.yaml"], 0, "1 new, written to rack1.yaml"),
    ],
)
def test_the_exit_code_says_whether_something_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    seen = discovery([Found("10.9.1.11", ipmi=True)])
    monkeypatch.setattr(room, "discover", lambda *given, **named: seen)
    done = CliRunner().invoke(discover.app, ["10.9.1.11", *arguments])
    assert (done.exit_code, words in done.stderr) == (code, True), done.output
    if arguments == ["--json"]:
        told = json.loads(done.stdout)
        assert (told["good"], told["left"]) == (False, ["10.9.1.11"])


@pytest.mark.parametrize("wrong", ["0.0.0.0/0", "10.9.1.0/33", "10.9.1.40-10.9.1.10"])
def test_a_range_that_cannot_be_looked_at_is_wrong_input(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "discover", lambda *given, **named: pytest.fail("it asked"))
    done = CliRunner().invoke(discover.app, [wrong])
    assert isinstance(done.exception, InputError)
    assert f"RANGE = {wrong}: " in str(done.exception)
    assert "allowed: " in str(done.exception)


def test_the_help_says_what_the_exit_codes_mean() -> None:
    told = " ".join(CliRunner().invoke(discover.app, ["--help"]).output.split())
    assert [code for code in ("with 0 where", "with 1 where", "with 2 where") if code not in told] == []


def test_what_a_bmc_says_steers_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    evil = "2\x1b[2J\n10.66.6.6: new"
    found = discovery([Found("10.9.1.11", trouble=f"says {evil}"), Found("10.9.1.12", ipmi=True, system=evil)])
    monkeypatch.setattr(room, "discover", lambda *given, **named: found)
    done = CliRunner().invoke(discover.app, ["10.9.1.0/24"])
    assert "\x1b" not in done.output
    assert "10.9.1.11: not written: no login: says 2\\x1b[2J\\x0a10.66.6.6: new\n" in done.stderr
    assert not [line for line in done.output.splitlines() if line.startswith("10.66.6.6")]
