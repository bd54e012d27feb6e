"""Redfish clients side by side on sushy-tools' emulator.

`pip install sushy==5.14.0`, then `python -m bench.redfish_clients`. Shows what decided for a client of our own: time of
one status with login and logout, and how long each takes to give up on a BMC that does not answer, when it is wanted to
within five seconds.
"""

from __future__ import annotations

import multiprocessing
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from metal.bmc import BmcPool
from metal.settings.access import BmcAddress, BmcProtocol
from metal.settings.credentials import BmcLogin
from metal.waiting import Run
from tests.unit.metal.bmc.redfish.emulator import SYSTEMS, Emulator

USER, PASSWORD, SYSTEM = "admin", "s3cret-of-bench", "blade1"
ROUNDS = 7
WANTED = 5.0
NOBODYS = "sha256:" + 64 * "0"
LONGEST = 90.0  # seconds after which a client that has not given up is ended


class OneLogin:
    def bmc(self, profile: str) -> BmcLogin:
        return BmcLogin(USER, PASSWORD)


def ours(port: int, fingerprint: str) -> None:
    pool = BmcPool(OneLogin(), sessions=1, per_subnet=1, interval=0)
    address = BmcAddress(
        "n1", "127.0.0.1", port, BmcProtocol.REDFISH, "bench", fingerprint=fingerprint, system=SYSTEMS[SYSTEM]
    )
    with pool.open(address, deadline=Run().deadline(WANTED if fingerprint == NOBODYS else LONGEST)) as bmc:
        bmc.power()


def pyghmi(port: int, fingerprint: str) -> None:
    from pyghmi.redfish.command import Command

    path = f"/redfish/v1/Systems/{SYSTEMS[SYSTEM]}"
    Command("127.0.0.1", USER, PASSWORD, verifycallback=lambda _: True, sysurl=path, port=port).get_power()


def sushy(port: int, fingerprint: str) -> None:
    import sushy

    root = sushy.Sushy(f"https://127.0.0.1:{port}/redfish/v1/", username=USER, password=PASSWORD, verify=False)
    assert root.get_system(f"/redfish/v1/Systems/{SYSTEMS[SYSTEM]}").power_state


CLIENTS: dict[str, Callable[[int, str], None]] = {"ours": ours, "pyghmi": pyghmi, "sushy": sushy}


def give_up(name: str, port: int) -> float:
    """Seconds until the client says that it failed, at most LONGEST."""
    process = multiprocessing.Process(target=_quiet, args=(name, port))
    began = time.monotonic()
    process.start()
    process.join(LONGEST)
    took = time.monotonic() - began
    process.kill()
    process.join()
    return took


def _quiet(name: str, port: int) -> None:
    try:
        CLIENTS[name](port, NOBODYS)
    except Exception:
        return


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        emulator = Emulator(Path(folder), USER, PASSWORD)
        emulator.start()
        times: dict[str, list[float]] = {name: [] for name in CLIENTS}
        try:
            for _ in range(ROUNDS + 1):
                for name, status in CLIENTS.items():
                    began = time.monotonic()
                    status(emulator.port, emulator.certificate.fingerprint)
                    times[name].append(time.monotonic() - began)
        finally:
            emulator.stop()
    with socket.socket() as unused, socket.create_server(("127.0.0.1", 0)) as hole:
        unused.bind(("127.0.0.1", 0))
        closed, silent = unused.getsockname()[1], hole.getsockname()[1]
        told = sys.stdout.write
        told("| client | one status, ms | against ours | closed port, s | silent BMC, s |\n|---|---|---|---|---|\n")
        own = statistics.median(times["ours"][1:])
        for name in CLIENTS:
            median = statistics.median(times[name][1:])
            refused, quiet = give_up(name, closed), give_up(name, silent)
            shown = f"{quiet:.1f}" if quiet < LONGEST else f"not within {LONGEST:.0f}"
            told(f"| {name} | {median * 1000:.0f} | x{median / own:.1f} | {refused:.1f} | {shown} |\n")


if __name__ == "__main__":
    main()
