"""One `ipmi_sim` process per BMC, for tests that freeze, kill or flood it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from lab.bmc.module import MODULES
from metal.settings.access import BmcAddress, BmcProtocol

USER = "admin"
PASSWORD = "s3cret-of-test"
PORT = 6230 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])  # test workers share the addresses
_PING = bytes.fromhex("0600ff06000011be80000000")

# Power is a file; each control is logged, so that a test can count what was really executed.
_CHASSIS = """#!/bin/sh
dir=$1; shift
do_=$1; shift
while [ $# -gt 0 ]; do
  case "$do_ $1" in
    "get power") read -r p < "$dir/power"; echo "power:$p"; shift;;
    "get boot") echo "boot:none"; shift;;
    "set power"|"set reset"|"set shutdown")
      [ -e "$dir/refuse-$1" ] && exit 1
      echo "$1 $2" >> "$dir/executed"
      case "$1" in
        power) [ -e "$dir/ignore-power-$2" ] || echo "$2" > "$dir/power";;
        shutdown) [ -e "$dir/ignore-shutdown" ] || echo 0 > "$dir/power";;
      esac
      shift 2;;
    *) shift 2;;
  esac
done
"""


@dataclass
class SimulatedBmc:
    """A BMC on a loopback address of its own.

    :ivar folder: `power` holds 0 or 1, `executed` one line per control carried out; `ignore-shutdown`,
        `ignore-power-<0|1>` and `refuse-<power|reset|shutdown>` are faults while they exist.
    :ivar modules: folder of the lab's modules; None for an ipmi_sim as it comes.
    :ivar fru: image of its FRU information; None for none.
    :ivar guid: of its machine; else one that follows from the address.
    """

    folder: Path
    ip: str
    manufacturer: int = 0x1291
    modules: Path | None = None
    fru: Path | None = None
    guid: str = ""
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> BmcAddress:
        return BmcAddress(f"host-{self.ip}", self.ip, PORT, BmcProtocol.IPMI, "test")

    @property
    def executed(self) -> list[str]:
        log = self.folder / "executed"
        return log.read_text().splitlines() if log.exists() else []

    def power(self, value: int) -> None:
        (self.folder / "power").write_text(f"{value}\n")

    def start(self) -> None:
        state = self.folder / "state"
        state.mkdir(parents=True, exist_ok=True)
        if not (self.folder / "power").exists():
            self.power(0)
        script = self.folder / "chassis.sh"
        script.write_text(_CHASSIS)
        script.chmod(0o755)
        (self.folder / "sim.emu").write_text(
            "mc_setbmc 0x20\n"
            f"mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f {self.manufacturer:#x} 0xf02 persist_sdr\n"
            "sel_enable 0x20 1000 0x0a\n"
            + (f'mc_add_fru_data 0x20 0 {self.fru.stat().st_size} file 0 "{self.fru}"\n' if self.fru else "")
            + "mc_enable 0x20\n"
        )
        name = socket.inet_aton(self.ip).hex()
        guid = self.guid or f"a1234567a1234567a1234567{name}"
        (self.folder / "lan.conf").write_text(
            f'name "b{name}"\n'
            + "".join(
                f'loadlib "{self.modules}/{name}.so" "{self.folder}/{name}"\n' for name in MODULES if self.modules
            )
            + "set_working_mc 0x20\n  startlan 1\n"
            f"    addr {self.ip} {PORT}\n    priv_limit admin\n    guid {guid}\n  endlan\n"
            f'  chassis_control "{script} {self.folder}"\n'
            f'  user 2 true "{USER}" "{PASSWORD}" admin 10\n'
        )
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["ipmi_sim", "-n", "-p", "-c", self.folder / "lan.conf", "-f", self.folder / "sim.emu", "-s", state],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._await_ping()

    def _await_ping(self) -> None:
        assert self.process
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(0.02)
            probe.connect((self.ip, PORT))
            end = time.monotonic() + 5
            while time.monotonic() < end and self.process.poll() is None:
                try:
                    probe.send(_PING)
                    probe.recv(64)
                    return
                except OSError:
                    time.sleep(0.005)
        raise AssertionError(f"ipmi_sim did not start: {(self.folder / 'log').read_text()}")

    def signal(self, number: signal.Signals) -> None:
        assert self.process
        os.kill(self.process.pid, number)

    def stop(self) -> None:
        process, self.process = self.process, None
        if process:
            process.kill()
            process.wait()
