"""A machine seen from outside, without its BMC: prepared, observed, unplugged from the mains."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from lab.command import namespaced
from lab.errors import LabError
from lab.machine.cgroups import remove_cgroups
from lab.machine.installer import MachineConfig
from lab.network import BRIDGE
from lab.process import ProcessId
from lab.spec import HostSpec, LabSpec
from metal.waiting import Deadline, Pending, wait_until

__all__ = ["is_on", "prepare_machine", "pull_power"]

_IGNITE = Path(__file__).with_name("ignite.sh")
_CHECKOUT = Path(__file__).resolve().parent.parent.parent


def prepare_machine(spec: LabSpec, host: HostSpec, image: Path) -> None:
    """Write what the machine needs to start; a running one sees it at its next boot."""
    directory = host.machine_directory
    directory.mkdir(parents=True, exist_ok=True)
    config = MachineConfig(
        lab=spec.name,
        name=host.name,
        address=str(host.address),
        prefix=spec.subnet.prefixlen,
        mac=host.mac,
        switch=spec.switch,
        bridge=BRIDGE,
        cgroup=spec.cgroup,
        flags=str(host.bmc_directory / "bootflags"),
        image=str(image),
        mirror_url=spec.mirror_url,
        authorized_key=spec.key.with_suffix(".pub").read_text(),
        install_limit=spec.install_limit,
        faults=str(host.faults),
        spent_faults=str(host.spent_faults[1]),
        neighbours={machine.name: str(machine.address) for machine in spec.machines},
    )
    _replace(directory / "config.json", config.to_json(), 0o644)
    ignite = ["/bin/sh", str(_IGNITE), str(directory), sys.executable, "-m", "lab.machine", str(directory)]
    program = " ".join(namespaced(ignite))
    _replace(directory / "mainboard", f"#!/bin/sh\ncd /\nPYTHONPATH={_CHECKOUT} exec {program}\n", 0o755)


def _replace(path: Path, text: str, mode: int) -> None:
    new = path.with_name(path.name + ".new")
    new.write_text(text)
    new.chmod(mode)
    new.rename(path)


def is_on(host: HostSpec) -> bool:
    return _supply(host) is not None


def pull_power(spec: LabSpec, host: HostSpec, *, deadline: Deadline) -> bool:
    """End the machine without its BMC and remove its control groups; True when it was on."""
    supply = _supply(host)
    if supply:
        leader = _leader(host)
        if not (leader and leader.signal(signal.SIGKILL)):
            supply.signal(signal.SIGKILL)
        wait_until(
            "power is off",
            lambda: Pending(f"process {supply.pid} runs") if supply.alive else True,
            deadline=deadline,
            fail=lambda what, seen: LabError("the machine does not end", seen=seen),
            interval=0.02,
            host=host.name,
        )
    remove_cgroups(spec.cgroup, host.name)
    return supply is not None


def _supply(host: HostSpec) -> ProcessId | None:
    try:
        pid, started = (host.machine_directory / "power").read_text().split()
    except (FileNotFoundError, ValueError):
        return None
    process = ProcessId(int(pid), int(started))
    return process if process.alive else None


def _leader(host: HostSpec) -> ProcessId | None:
    try:
        return ProcessId.of(int((host.machine_directory / "leader").read_text()))
    except (FileNotFoundError, ValueError):
        return None
