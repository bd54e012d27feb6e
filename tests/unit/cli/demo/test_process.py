from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from metal.errors import MetalError
from metal.waiting import Pending, Run, wait_until

# Takes its time to end in order, and notes every signal that it got.
CHILD = """
trap 'echo INT >> "$0/got"; sleep 1.5; echo orderly > "$0/ended"; exit 3' INT
trap 'echo TERM >> "$0/got"; sleep 1.5; echo orderly > "$0/ended"; exit 3' TERM
trap 'echo HUP >> "$0/got"; sleep 1.5; echo orderly > "$0/ended"; exit 3' HUP
"""
DEAF = "trap '' INT TERM HUP\n"
RUNS = 'echo $$ > "$0/pid"; touch "$0/ready"; while :; do sleep 0.05; done'
# As every command of ours: a Typer app.
PARENT = """
import sys, typer
from cli.demo.process import run

app = typer.Typer()

@app.command()
def act(script: str, folder: str, patience: float) -> None:
    run(["sh", "-c", script, folder], patience=patience)
    print("went on")

app()
"""

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts the parent of one child and returns when that runs; both are gone after the test."""
    started: list[subprocess.Popen[str]] = []

    def begin(script: str, *, patience: float = 30, wrapper: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        parent = subprocess.Popen(
            [*wrapper, sys.executable, "-c", PARENT, script + RUNS, str(tmp_path), str(patience)],
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(parent)
        wait_until(
            "the child runs",
            lambda: (tmp_path / "ready").exists() or Pending("no"),
            deadline=Run().deadline(20),
            fail=lambda what, seen: MetalError(what, seen=seen),
            interval=0.05,
        )
        return parent

    yield begin
    for parent in started:
        if parent.poll() is None:
            os.killpg(parent.pid, signal.SIGKILL)
        parent.communicate()
    if (tmp_path / "pid").exists() and alive(tmp_path):
        os.kill(child_of(tmp_path), signal.SIGKILL)


def child_of(folder: Path) -> int:
    return int((folder / "pid").read_text())


def alive(folder: Path) -> bool:
    return Path(f"/proc/{child_of(folder)}").exists()


def send_to_group(parent: subprocess.Popen[str], number: int) -> None:
    """What a terminal does on Ctrl-C."""
    os.killpg(parent.pid, number)


def send_to_it_alone(parent: subprocess.Popen[str], number: int) -> None:
    """What `kill` and a service manager do."""
    parent.send_signal(number)


@pytest.mark.parametrize("send", [send_to_group, send_to_it_alone])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_goes_on_to_the_child_which_has_the_time_to_end_in_order(
    start: Start, tmp_path: Path, send: Callable[[subprocess.Popen[str], int], None], number: signal.Signals
) -> None:
    parent = start(CHILD)
    send(parent, number)
    said, errors = parent.communicate(timeout=20)
    assert (tmp_path / "ended").read_text() == "orderly\n"
    assert (tmp_path / "got").read_text() == f"{number.name.removeprefix('SIG')}\n", "once, however it came"
    assert not alive(tmp_path)
    assert parent.returncode == 128 + number
    assert f"ended by {number.name}; run it again, it resumes" in errors
    assert "Traceback" not in errors
    assert not said


def test_a_program_that_signals_both_the_command_and_its_group_gives_one_order(start: Start, tmp_path: Path) -> None:
    parent = start(CHILD)
    send_to_it_alone(parent, signal.SIGTERM)
    send_to_group(parent, signal.SIGTERM)
    parent.communicate(timeout=20)
    assert (tmp_path / "got").read_text() == "TERM\n", "an engine takes a second one for: end at once"
    assert parent.returncode == 143


def test_a_child_that_does_not_end_is_killed_at_the_deadline(start: Start, tmp_path: Path) -> None:
    parent = start(DEAF, patience=0.5)
    send_to_it_alone(parent, signal.SIGTERM)
    _, errors = parent.communicate(timeout=20)
    assert not alive(tmp_path)
    assert "goes on in spite of the signal" in errors
    assert parent.returncode == 143


def test_a_signal_that_the_caller_ignores_stays_ignored(start: Start, tmp_path: Path) -> None:
    parent = start(CHILD, wrapper=("sh", "-c", "trap '' HUP; exec \"$@\"", "sh"))
    send_to_group(parent, signal.SIGHUP)
    send_to_it_alone(parent, signal.SIGTERM)
    parent.communicate(timeout=20)
    assert (tmp_path / "got").read_text() == "TERM\n"
    assert parent.returncode == 143
