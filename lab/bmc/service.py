"""One process per BMC, so that a frozen one freezes alone: ipmi_sim, or the small BMC where a fault needs it."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from enum import StrEnum
from pathlib import Path

from lab.bmc.configuration import EMULATION, SmallBmc, lan_configuration
from lab.bmc.login import BmcLogin
from lab.errors import LabError
from lab.faults.armed import armed_at
from lab.faults.kinds import Player
from lab.process import Daemon, ProcessId
from lab.spec import HostSpec
from metal.waiting import Deadline, Pending, wait_until

__all__ = ["Engine", "answers", "bmc_daemon", "engine_of", "ensure_bmc"]

_CHECKOUT = Path(__file__).resolve().parent.parent.parent
_SMALL = "lab.bmc.serve"

_PING = bytes.fromhex("0600ff06000011be80000000")
"""RMCP presence ping (ASF 2.0, section 3.2.4.2); needs no session."""


class Engine(StrEnum):
    """What plays a BMC."""

    SIMULATOR = "ipmi_sim"
    SMALL = "small BMC"


def bmc_daemon(host: HostSpec) -> Daemon:
    return Daemon(f"BMC of {host.name}", host.bmc_directory / "bmc.pid", host.bmc_directory / "bmc.log")


def answers(host: HostSpec, *, patience: float = 0.02) -> bool:
    """Whether the BMC answers a ping within `patience` seconds."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(patience)
        try:
            probe.connect((str(host.bmc), host.bmc_port))
            probe.send(_PING)
            return bool(probe.recv(512))
        except (TimeoutError, ConnectionRefusedError):
            return False


def engine_of(process: ProcessId) -> Engine | None:
    """What a BMC's process is; None where it has ended meanwhile."""
    try:
        arguments = Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return Engine.SMALL if _SMALL.encode() in arguments else Engine.SIMULATOR


def ensure_bmc(host: HostSpec, login: BmcLogin, modules: Path, *, deadline: Deadline) -> bool:
    """Start the BMC unless it runs, and wait until it listens; True when it was started.

    The small BMC takes the place of ipmi_sim for as long as a fault is armed that a BMC plays; whoever has a session
    then sees what a restart of the BMC looks like.

    :raises LabError: with its last words, when it does not answer; a used address is the usual cause.
    """
    daemon = bmc_daemon(host)
    engine = Engine.SMALL if armed_at(host, Player.BMC) else Engine.SIMULATOR
    process = daemon.process()
    if process and engine_of(process) is engine and _stands(host, engine):
        return False
    daemon.stop(deadline=deadline)
    if answers(host, patience=0.1):
        raise LabError(
            f"something else answers at {host.bmc} port {host.bmc_port}",
            host=host.name,
            next_step="another lab with the same BMC addresses? take it down, or choose another base or port",
        )
    host.bmc_directory.mkdir(parents=True, exist_ok=True)
    if engine is Engine.SMALL:
        _start_small(host, login, daemon, deadline)
    else:
        _start_simulator(host, login, modules, daemon, deadline)
    wait_until(
        "the BMC answers",
        lambda: True if _stands(host, engine) else Pending(daemon.last_words() or "no answer"),
        deadline=deadline,
        fail=lambda what, seen: LabError(f"BMC at {host.bmc} port {host.bmc_port} does not answer", seen=seen),
        interval=0.01,
        host=host.name,
    )
    return True


def _stands(host: HostSpec, engine: Engine) -> bool:
    """Whether it does its work; a small BMC may be told to answer nothing, so its port says it."""
    return _is_open(host) if engine is Engine.SMALL else answers(host, patience=0.5)


def _is_open(host: HostSpec) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.02)
        try:
            probe.connect((str(host.bmc), host.bmc_port))
            probe.send(b"?")
            probe.recv(1)
        except TimeoutError:
            return True
        except ConnectionRefusedError:
            return False
        return True


def _start_small(host: HostSpec, login: BmcLogin, daemon: Daemon, deadline: Deadline) -> None:
    small = SmallBmc.of(host)
    account = Path(small.login)
    account.touch(mode=0o600)
    account.write_text(f"{login.user}:{login.password}\n")
    configuration = host.bmc_directory / "small.json"
    configuration.write_text(small.to_json())
    path = os.pathsep.join([str(_CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])])
    daemon.start([sys.executable, "-m", _SMALL, str(configuration)], deadline=deadline, env={"PYTHONPATH": path})


def _start_simulator(host: HostSpec, login: BmcLogin, modules: Path, daemon: Daemon, deadline: Deadline) -> None:
    directory = host.bmc_directory
    # A state directory of an earlier run would override the configuration.
    shutil.rmtree(directory / "state", ignore_errors=True)
    (directory / "state").mkdir(parents=True)
    (directory / "sim.emu").write_text(EMULATION)
    configuration = directory / "lan.conf"
    configuration.touch(mode=0o600)
    configuration.write_text(lan_configuration(host, login, modules))
    daemon.start(
        [
            *("ipmi_sim", "-n", "-p"),
            *("-c", str(configuration), "-f", str(directory / "sim.emu"), "-s", str(directory / "state")),
        ],
        deadline=deadline,
    )
