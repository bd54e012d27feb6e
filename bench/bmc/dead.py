"""Dead BMCs, one line each on standard input (`silent ADDRESS PORT` or `frozen ADDRESS PORT`), until it is ended."""

from __future__ import annotations

import os
import signal
import socket
import sys

from lab.bmc.responder import Responder, Temper

_SEALED = 0xC0


class _Frozen(Responder):
    """Lets in, and says nothing to whatever it is asked then."""

    def __init__(self, user: str, password: str, address: str, port: int) -> None:
        super().__init__(user, password, Temper(silent={_SEALED}), address=address, port=port)


def main() -> None:
    user, _, password = os.environ["BENCH_BMC_LOGIN"].partition(":")
    kept: list[object] = []
    for line in sys.stdin:
        if not line.strip():
            break
        kind, address, port = line.split()
        if kind == "silent":
            hole = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            hole.bind((address, int(port)))
            kept.append(hole)
        else:
            kept.append(_Frozen(user, password, address, int(port)))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    signal.pause()


if __name__ == "__main__":
    main()
