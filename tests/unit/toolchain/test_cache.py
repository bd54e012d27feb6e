from __future__ import annotations

import threading
from pathlib import Path

import pytest

from toolchain.cache import Cache


def _fill(text: str):
    def fill(folder: Path) -> None:
        (folder / "tool").write_text(text)

    return fill


def test_filled_once_then_reused(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    first = cache.fetch("tool-1", _fill("one"))
    assert cache.fetch("tool-1", _fill("two")) == first
    assert (first / "tool").read_text() == "one"


def test_changed_file_is_noticed_and_made_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache = Cache(tmp_path)
    folder = cache.fetch("tool-1", _fill("one"))
    (folder / "tool").write_text("tampered")
    assert cache.get("tool-1") is None
    assert (cache.fetch("tool-1", _fill("two")) / "tool").read_text() == "two"
    assert "damaged" in capsys.readouterr().err


def test_failed_fill_leaves_nothing(tmp_path: Path) -> None:
    cache = Cache(tmp_path)

    def fail(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError):
        cache.fetch("tool-1", fail)
    assert [path.name for path in tmp_path.iterdir()] == ["tool-1.lock"]


def test_draft_of_a_killed_process_is_swept(tmp_path: Path) -> None:
    draft = tmp_path / ".tool-1.abc"
    draft.mkdir()
    (draft / "half").write_text("half")
    Cache(tmp_path).fetch("tool-1", _fill("one"))
    assert not draft.exists()


def test_concurrent_calls_fill_once(tmp_path: Path) -> None:
    filled = []
    inside = threading.Event()

    def fill(folder: Path) -> None:
        filled.append(folder)
        inside.wait(10)
        (folder / "tool").write_text("one")

    threads = [threading.Thread(target=lambda: Cache(tmp_path).fetch("tool-1", fill)) for _ in range(4)]
    for thread in threads:
        thread.start()
    inside.set()
    for thread in threads:
        thread.join(10)
    assert len(filled) == 1
