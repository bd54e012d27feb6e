"""RMCP presence pings to many addresses: one loop, so many datagrams a second, each silent address asked again once."""

from __future__ import annotations

import select
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

from metal.bmc.rmcp.presence import Pong, decode_pong, encode_ping
from metal.errors import Cancelled
from metal.waiting import Run

__all__ = ["Sweep", "sweep"]

_SLICE = 0.2  # seconds a wait may pass without looking at the cancel
_LARGEST = 1024


@dataclass
class Sweep:
    """What came of it.

    :ivar pongs: by address.
    :ivar sent: datagrams sent.
    :ivar unroutable: addresses that the kernel has no way to.
    """

    pongs: dict[str, Pong] = field(default_factory=dict)
    sent: int = 0
    unroutable: set[str] = field(default_factory=set)


def sweep(
    addresses: Sequence[str], port: int, *, run: Run, rate: float, patience: float = 1.0, rounds: int = 2
) -> Sweep:
    """Ping every address.

    Takes `rounds` times (addresses / `rate` + `patience`) at most, however many are silent.

    :param rate: datagrams a second.
    :param patience: seconds that the last ping of a round is waited for.
    :raises Cancelled: the run was cancelled.
    """
    found = Sweep()
    asked = frozenset(addresses)
    families = {address: socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET for address in asked}
    sockets = {family: socket.socket(family, socket.SOCK_DGRAM) for family in set(families.values())}
    try:
        poller = select.poll()
        by_descriptor = {each.fileno(): each for each in sockets.values()}
        for descriptor, each in by_descriptor.items():
            each.setblocking(False)
            poller.register(descriptor, select.POLLIN)

        def wait(until: float) -> None:
            """Take what comes until then; at least what is there already."""
            while True:
                if run.cancel.is_set():
                    raise Cancelled("cancelled while looking for BMCs", next_step="nothing was written; run it again")
                left = until - run.clock()
                for ready, _ in poller.poll(max(0.0, min(left, _SLICE)) * 1000):
                    _take(by_descriptor[ready], asked, port, found)
                if until <= run.clock():
                    return

        for number in range(rounds):
            done = found.pongs.keys() | found.unroutable
            silent = [address for address in addresses if address not in done]
            began = run.clock()
            for count, address in enumerate(silent):
                wait(began + count / rate)
                _ping(sockets[families[address]], address, port, number, found)
            end = run.clock() + patience
            while silent and run.clock() < end and len(found.pongs) + len(found.unroutable) < len(asked):
                wait(min(end, run.clock() + _SLICE))
    finally:
        for each in sockets.values():
            each.close()
    return found


def _ping(out: socket.socket, address: str, port: int, tag: int, found: Sweep) -> None:
    try:
        out.sendto(encode_ping(tag), (address, port))
        found.sent += 1
    except BlockingIOError:
        return  # a full queue counts as a lost datagram
    except OSError:
        found.unroutable.add(address)


def _take(ready: socket.socket, asked: frozenset[str], port: int, found: Sweep) -> None:
    while True:
        try:
            datagram, peer = ready.recvfrom(_LARGEST)
        except OSError:
            return
        pong = decode_pong(datagram)
        address = str(ip_address(peer[0].partition("%")[0]))
        if pong is not None and address in asked and peer[1] == port:
            found.pongs.setdefault(address, pong)
