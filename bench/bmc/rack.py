"""Simulated BMCs in processes of their own: `ipmi_sim` with a hundred each, and dead ones of three kinds."""

from __future__ import annotations

import os
import resource
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["PORT", "USER", "Place", "Rack", "places"]

PORT, USER = 6230, "admin"
_A_PROCESS = 100
_A_SUBNET = 50
_FIRST_SUBNET = 150
_PING = bytes.fromhex("0600ff06000011be80000000")
_SECONDS = 60.0


@dataclass(frozen=True)
class Place:
    """:ivar kind: `good`, or how it is dead: `silent`, `closed`, `frozen` (it lets in and then says nothing)."""

    name: str
    address: str
    kind: str = "good"


def places(count: int, *, first: int = _FIRST_SUBNET) -> list[Place]:
    """So many BMCs, fifty to a subnet.

    :param first: third number of the first subnet's address.
    """
    return [
        Place(f"b{number:03d}", f"127.0.{first + number // _A_SUBNET}.{number % _A_SUBNET + 1}")
        for number in range(count)
    ]


@dataclass
class Rack:
    """BMCs that run; all are off when they start.

    :ivar password: of the one user, made for this run.
    """

    folder: Path
    places: Sequence[Place]
    password: str = field(default_factory=lambda: secrets.token_hex(8))
    _running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __enter__(self) -> Rack:
        self.folder.mkdir(parents=True)
        module = self.folder / "power.so"
        source = Path(__file__).with_name("power.c")
        subprocess.run(["gcc", "-shared", "-fPIC", "-O2", "-o", module, source], check=True)
        good = [place for place in self.places if place.kind == "good"]
        try:
            for start in range(0, len(good), _A_PROCESS):
                self._start_sim(self.folder / f"sim{start // _A_PROCESS}", good[start : start + _A_PROCESS], module)
            self._start_frozen([place for place in self.places if place.kind in ("silent", "frozen")])
            for place in good:
                _await(place)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        for process in self._running:
            process.terminate()
        for process in self._running:
            process.wait()

    def controls(self) -> dict[str, bytes]:
        """Every chassis control that was carried out, by BMC."""
        found = {}
        good = [place for place in self.places if place.kind == "good"]
        for number, place in enumerate(good):
            log = self.folder / f"sim{number // _A_PROCESS}" / f"{_mc(number % _A_PROCESS):02x}"
            found[place.name] = log.read_bytes() if log.exists() else b""
        return found

    def cpu(self) -> float:
        """Processor seconds that the simulators have used so far."""
        ticks = 0
        for process in self._running:
            fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def _start_sim(self, folder: Path, members: Sequence[Place], module: Path) -> None:
        (folder / "state").mkdir(parents=True)
        emulation = ["mc_setbmc 0x20"]
        lan = [f'name "{folder.name}"', f'loadlib "{module}" "{folder}"']
        for number, place in enumerate(members):
            mc = f"{_mc(number):#04x}"
            guid = socket.inet_aton(place.address).hex()
            emulation += [f"mc_add {mc} {number} no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02", f"mc_enable {mc}"]
            lan += [
                f"set_working_mc {mc}",
                "  startlan 1",
                f"    addr {place.address} {PORT}",
                f"    priv_limit admin\n    guid a1234567a1234567a1234567{guid}",
                "  endlan",
                f'  user 2 true "{USER}" "{self.password}" admin 10',
            ]
        (folder / "sim.emu").write_text("\n".join(emulation) + "\n")
        configuration = folder / "lan.conf"
        configuration.touch(mode=0o600)
        configuration.write_text("\n".join(lan) + "\n")
        command = ["ipmi_sim", "-n", "-p", "-c", configuration, "-f", folder / "sim.emu", "-s", folder / "state"]
        with (folder / "log").open("ab") as log:
            self._running.append(
                subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=_many_files)
            )

    def _start_frozen(self, members: Sequence[Place]) -> None:
        if not members:
            return
        lines = "".join(f"{place.kind} {place.address} {PORT}\n" for place in members)
        environment = {**os.environ, "BENCH_BMC_LOGIN": f"{USER}:{self.password}"}
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.bmc.dead"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        self._running.append(process)
        assert process.stdin
        assert process.stdout
        process.stdin.write(lines.encode() + b"\n")
        process.stdin.flush()
        if process.stdout.readline() != b"ready\n":
            raise RuntimeError("the dead BMCs did not come up")


def _mc(number: int) -> int:
    return 0x20 + 2 * number


def _many_files() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _await(place: Place) -> None:
    end = time.monotonic() + _SECONDS
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.05)
        probe.connect((place.address, PORT))
        while time.monotonic() < end:
            try:
                probe.send(_PING)
                probe.recv(64)
                return
            except OSError:
                continue
    raise RuntimeError(f"the simulated BMC at {place.address} did not come up")
