"""One ipmi_sim process per BMC: a frozen one freezes alone."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

from lab.bmc.configuration import EMULATION, lan_configuration
from lab.bmc.login import BmcLogin
from lab.errors import LabError
from lab.process import Daemon
from lab.spec import HostSpec
from metal.waiting import Deadline, Pending, wait_until

__all__ = ["answers", "bmc_daemon", "ensure_bmc"]

_PING = bytes.fromhex("0600ff06000011be80000000")
"""RMCP presence ping (ASF 2.0, section 3.2.4.2); needs no session."""


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


def ensure_bmc(host: HostSpec, login: BmcLogin, module: Path, *, deadline: Deadline) -> bool:
    """Start the BMC unless it runs, and wait until it answers; True when it was started.

    :raises LabError: with its last words, when it does not answer; a used address is the usual cause.
    """
    daemon = bmc_daemon(host)
    if daemon.process() and answers(host, patience=0.5):
        return False
    daemon.stop(deadline=deadline)
    if answers(host, patience=0.1):
        raise LabError(
            f"something else answers at {host.bmc} port {host.bmc_port}",
            host=host.name,
            next_step="another lab with the same BMC addresses? take it down, or choose another base or port",
        )
    directory = host.bmc_directory
    # A state directory of an earlier run would override the configuration.
    shutil.rmtree(directory / "state", ignore_errors=True)
    (directory / "state").mkdir(parents=True)
    (directory / "sim.emu").write_text(EMULATION)
    configuration = directory / "lan.conf"
    configuration.touch(mode=0o600)
    configuration.write_text(lan_configuration(host, login, module))
    daemon.start(
        [
            *("ipmi_sim", "-n", "-p"),
            *("-c", str(configuration), "-f", str(directory / "sim.emu"), "-s", str(directory / "state")),
        ],
        deadline=deadline,
    )
    wait_until(
        "the BMC answers",
        lambda: True if answers(host) else Pending(daemon.last_words() or "no answer"),
        deadline=deadline,
        fail=lambda what, seen: LabError(f"BMC at {host.bmc} port {host.bmc_port} does not answer", seen=seen),
        interval=0.01,
        host=host.name,
    )
    return True
