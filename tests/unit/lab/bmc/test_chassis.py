"""The chassis program as ipmi_sim calls it, with a plain process for a machine."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from lab.bmc.configuration import CHASSIS
from lab.process import ProcessId
from tests.waiting import wait_for


def chassis(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(CHASSIS), str(directory), *arguments], capture_output=True, text=True, check=False, timeout=10
    )


def power(directory: Path) -> str:
    return chassis(directory, "get", "power").stdout


def becomes(directory: Path, answer: str) -> None:
    wait_for(answer, lambda: power(directory) == answer)


@pytest.fixture
def machine(tmp_path: Path):
    board = tmp_path / "mainboard"
    # It writes down what it is told.
    board.write_text(
        "#!/bin/sh\n"
        f"trap 'echo reset >> {tmp_path}/told' HUP\n"
        f"trap 'echo shutdown >> {tmp_path}/told; exit' TERM\n"
        f"echo $$ > {tmp_path}/leader\n"
        "while :; do sleep 0.05; done\n"
    )
    board.chmod(0o755)
    yield tmp_path
    chassis(tmp_path, "set", "power", "0")
    becomes(tmp_path, "power:0\n")


def told(directory: Path) -> str:
    path = directory / "told"
    return path.read_text() if path.exists() else ""


def test_power_goes_on_at_once_and_off(machine: Path) -> None:
    assert power(machine) == "power:0\n"
    assert chassis(machine, "set", "power", "1").returncode == 0
    assert power(machine) == "power:1\n"
    first = (machine / "power").read_text()
    assert chassis(machine, "set", "power", "1").returncode == 0
    assert (machine / "power").read_text() == first, "on while on starts nothing"
    assert chassis(machine, "set", "power", "0").returncode == 0
    becomes(machine, "power:0\n")


def test_the_machine_is_detached_from_the_simulator(machine: Path) -> None:
    fifo = machine / "socket"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    subprocess.run(
        ["sh", "-c", f"exec 5>{fifo}; exec sh {CHASSIS} {machine} set power 1"],
        check=True,
        capture_output=True,
        timeout=10,
    )
    assert power(machine) == "power:1\n"
    pid = int((machine / "power").read_text().split()[0])
    wait_for("the machine leads a session of its own", lambda: os.getsid(pid) == pid)
    # With a writer left this would raise BlockingIOError.
    assert os.read(reader, 1) == b"", "the machine holds no descriptor of the simulator"
    os.close(reader)


def test_reset_and_soft_shutdown_reach_a_machine_that_is_on(machine: Path) -> None:
    chassis(machine, "set", "power", "1")
    wait_for("the machine listens", (machine / "leader").exists)
    assert chassis(machine, "set", "reset", "1").returncode == 0
    assert chassis(machine, "set", "shutdown", "1").returncode == 0
    becomes(machine, "power:0\n")
    assert told(machine) == "reset\nshutdown\n"


def test_reset_and_soft_shutdown_of_a_machine_that_is_off_do_nothing(machine: Path) -> None:
    assert chassis(machine, "set", "reset", "1").returncode == 0
    assert chassis(machine, "set", "shutdown", "1").returncode == 0
    assert power(machine) == "power:0\n"


def test_a_reused_process_number_is_not_power(machine: Path) -> None:
    (machine / "power").write_text(f"{os.getpid()} 1\n")
    assert power(machine) == "power:0\n"
    me = ProcessId.of(os.getpid())
    assert me is not None
    (machine / "power").write_text(f"{me.pid} {me.started}\n")
    assert power(machine) == "power:1\n"
    (machine / "power").unlink()


def test_a_dead_machine_is_off(machine: Path) -> None:
    chassis(machine, "set", "power", "1")
    os.kill(int((machine / "power").read_text().split()[0]), signal.SIGKILL)
    becomes(machine, "power:0\n")


def test_several_names_in_one_call_and_unknown_ones(machine: Path) -> None:
    assert chassis(machine, "get", "power", "boot").stdout == "power:0\nboot:default\n"
    assert chassis(machine, "set", "boot", "pxe", "identify", "15 0").returncode == 0
    assert chassis(machine, "get", "temperature").returncode == 1
