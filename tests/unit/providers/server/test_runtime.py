from __future__ import annotations

import subprocess
import sys

import pytest

from metal.errors import MetalError
from providers.server import runtime
from providers.server.__main__ import workers
from providers.server.interceptor import error_text


def test_outside_our_server_progress_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert not runtime.is_ours()
    assert not runtime.cancel_event().is_set()
    runtime.progress("n1: waiting")
    assert capsys.readouterr().err == "n1: waiting\n"


def test_urn_is_known_inside_a_request_only() -> None:
    with runtime.resource("urn:a"):
        assert runtime.current_urn() == "urn:a"
        with runtime.resource(""):
            assert runtime.current_urn() is None
        assert runtime.current_urn() == "urn:a"
    assert runtime.current_urn() is None


def test_undelivered_progress_is_not_lost(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    told: list[tuple[str | None, str]] = []

    def tell(urn: str | None, line: str) -> bool:
        told.append((urn, line))
        return line != "lost"

    monkeypatch.setattr(runtime, "_teller", tell)
    with runtime.resource("urn:a"):
        runtime.progress("kept")
        runtime.progress("lost")
    assert told == [("urn:a", "kept"), ("urn:a", "lost")]
    assert capsys.readouterr().err == "lost\n"


def test_cleanups_are_taken_once_latest_first() -> None:
    seen: list[int] = []
    runtime.at_exit(lambda: seen.append(1))
    runtime.at_exit(lambda: seen.append(2))
    for callback in runtime.take_cleanups():
        callback()
    assert seen == [2, 1]
    assert runtime.take_cleanups() == []


def test_importing_it_loads_neither_pulumi_nor_grpc() -> None:
    code = "import sys, providers.server.runtime; sys.exit(bool({'grpc', 'pulumi'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(("value", "count"), [(None, 256), ("", 256), ("8", 8)])
def test_workers(value: str | None, count: int) -> None:
    assert workers(value) == count


@pytest.mark.parametrize("value", ["0", "-3", "many"])
def test_workers_refused(value: str) -> None:
    with pytest.raises(ValueError, match=value):
        workers(value)


def test_error_text_of_ours_is_its_message() -> None:
    error = MetalError("no answer", host="n1", next_step="look")
    assert error_text(error) == "n1: no answer\n  next: look"


def test_error_text_of_a_surprise_names_kind_and_place() -> None:
    try:
        _ = {}["x"]  # type: ignore[var-annotated]
    except KeyError as error:
        text = error_text(error)
    assert text.startswith("unexpected KeyError: 'x'\n  at: ")
    assert "test_runtime.py" in text
