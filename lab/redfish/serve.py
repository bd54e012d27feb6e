"""`python -m lab.redfish.serve CONFIGURATION`: the Redfish side of one lab host's BMC, until SIGTERM."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

from lab.redfish.board import WiredBoard
from lab.redfish.certificate import read_certificate
from lab.redfish.responder import Responder
from lab.redfish.rules import Rules
from lab.redfish.temper import Temper
from lab.redfish.tree import SystemSpec, documents

__all__ = ["main"]


def main(configuration: Path) -> None:
    """:param configuration: as :func:`lab.redfish.service.configure` writes it."""
    said = json.loads(configuration.read_text())
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT))
    system = SystemSpec(**said["system"])
    board = WiredBoard(Path(said["machine"]), Path(said["flags"]), Path(said["restore"]))
    responder = Responder(
        said["user"],
        said["password"],
        tree=documents([system]),
        boards={f"/redfish/v1/Systems/{system.id}": board},
        temper=Temper.of(said["temper"]),
        certificate=read_certificate(Path(said["certificate"])),
        address=said["address"],
        port=said["port"],
        rules=Rules(said["rules"]),
    )
    signal.sigwait((signal.SIGTERM, signal.SIGINT))
    responder.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
