from __future__ import annotations

from pathlib import Path

import pytest

from toolchain import pulumi as subject
from toolchain.cache import Cache


def _cli(folder: Path, version: str, *, host: bool = True) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("pulumi", f"echo v{version}"), ("pulumi-language-python", "exit 1")):
        if name == "pulumi" or host:
            (folder / name).write_text(f"#!/bin/sh\n{text}\n")
            (folder / name).chmod(0o755)
    return folder / "pulumi"


@pytest.mark.parametrize(
    ("version", "expected"),
    [((3, 259, 0), True), ((3, 272, 1), True), ((3, 258, 9), False), ((4, 0, 0), False), (None, False)],
)
def test_versions_the_program_was_made_for(version: tuple[int, ...] | None, expected: bool) -> None:
    assert subject.usable(version) is expected


def test_the_one_on_path_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    binary = _cli(tmp_path / "bin", "3.265.0")
    monkeypatch.setenv("PATH", f"{binary.parent}:/usr/bin:/bin")
    assert subject.pulumi(Cache(tmp_path / "cache")) == binary
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(("version", "host", "reason"), [("3.100.0", True, "wanted"), ("3.265.0", False, "language")])
def test_an_unfit_one_is_passed_over_aloud(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    version: str,
    host: bool,
    reason: str,
) -> None:
    unfit = _cli(tmp_path / "bin", version, host=host)
    monkeypatch.setenv("PATH", f"{unfit.parent}:/usr/bin:/bin")
    cache = Cache(tmp_path / "cache")
    cached = cache.fetch("pulumi-3.259.0-official", lambda folder: None)
    assert subject.pulumi(cache) == cached / "pulumi"
    assert reason in capsys.readouterr().err


def test_something_that_is_no_pulumi_has_no_version(tmp_path: Path) -> None:
    other = tmp_path / "pulumi"
    other.write_text("#!/bin/sh\necho hello\n")
    other.chmod(0o755)
    assert subject.version_of(other) is None
    assert subject.version_of(tmp_path / "absent") is None
