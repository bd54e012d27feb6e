"""python -m lab.bmc.serve CONFIGURATION: the small BMC of one host, in place of ipmi_sim, until it is ended."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from lab.bmc.configuration import SmallBmc
from lab.bmc.login import read_login
from lab.bmc.machine import WiredMachine
from lab.bmc.responder import Responder
from lab.faults.live import KeptFaults

__all__ = ["serve"]


def serve(small: SmallBmc) -> Responder:
    """Start it; in this process, in a thread of its own."""
    login = read_login(Path(small.login))
    return Responder(
        login.user,
        login.password,
        address=small.address,
        port=small.port,
        machine=WiredMachine(Path(small.machine), Path(small.flags), Path(small.restore)),
        guid=bytes.fromhex(small.guid),
        faults=KeptFaults(Path(small.faults), Path(small.spent)),
    )


def main() -> None:
    ends = {signal.SIGTERM, signal.SIGINT}
    # Blocked before there is a thread, so that every thread has them blocked and the wait below gets them.
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    responder = serve(SmallBmc.read(Path(sys.argv[1])))
    signal.sigwait(ends)
    responder.close()


if __name__ == "__main__":
    main()
