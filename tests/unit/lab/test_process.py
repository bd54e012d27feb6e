"""Processes that are found again by what they wrote themselves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.process import Daemon, ProcessId, running
from metal.waiting import Run

FOREVER = [sys.executable, "-c", "import signal; signal.pause()"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()",
]


@pytest.fixture
def daemon(tmp_path: Path):
    daemon = Daemon("sleeper", tmp_path / "sleeper.pid", tmp_path / "sleeper.log")
    yield daemon
    daemon.stop(deadline=Run().deadline(5))


def test_started_once_recorded_and_ended(daemon: Daemon) -> None:
    assert daemon.process() is None
    first = daemon.start(FOREVER, deadline=Run().deadline(5))
    assert first.alive
    assert daemon.start(FOREVER, deadline=Run().deadline(5)) == first
    assert daemon.stop(deadline=Run().deadline(5))
    assert not first.alive
    assert not daemon.record.exists()
    assert not daemon.stop(deadline=Run().deadline(5))


def test_another_object_finds_it(daemon: Daemon) -> None:
    process = daemon.start(FOREVER, deadline=Run().deadline(5))
    assert Daemon("again", daemon.record, daemon.log).process() == process


def test_one_that_ignores_sigterm_is_killed(daemon: Daemon) -> None:
    process = daemon.start(STUBBORN, deadline=Run().deadline(5))
    assert daemon.stop(deadline=Run().deadline(5), patience=0.2)
    assert not process.alive


def test_a_program_that_does_not_exist_is_reported_with_its_last_words(daemon: Daemon) -> None:
    with pytest.raises(LabError, match="did not start") as failed:
        daemon.start(["/nonexistent/program"], deadline=Run().deadline(0.5))
    assert "/nonexistent/program" in str(failed.value.seen)


def test_a_stale_or_broken_record_is_no_process(daemon: Daemon) -> None:
    daemon.record.write_text(f"{os.getpid()} 1\n")
    assert daemon.process() is None
    daemon.record.write_text("garbage")
    assert daemon.process() is None


def test_a_reused_number_is_never_signalled() -> None:
    import signal

    stranger = ProcessId(os.getpid(), 1)
    assert not stranger.alive
    assert not stranger.signal(signal.SIGKILL)


def test_a_zombie_is_dead() -> None:
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert ProcessId.of(child.pid) is None
    child.wait()


def test_found_by_path_and_mark_together(daemon: Daemon, tmp_path: Path) -> None:
    process = daemon.start([*FOREVER, "the-mark", str(tmp_path / "state")], deadline=Run().deadline(5))
    assert running(tmp_path, ["the-mark"]) == [process]
    assert running(tmp_path, ["another-mark"]) == []
    assert running(tmp_path.with_name(tmp_path.name + "x"), ["the-mark"]) == []
