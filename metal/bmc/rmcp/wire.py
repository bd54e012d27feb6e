"""One connected UDP socket: a closed port is refused at once, and nobody else's datagrams come in."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from metal.errors import Cancelled
from metal.waiting import Run

__all__ = ["Endpoint", "UdpWire", "Unreachable", "resolve"]

_LARGEST = 1024
_SLICE = 0.2  # seconds a receive may pass without looking at the cancel


class Unreachable(Exception):
    """The kernel says that nobody listens there, or that there is no way to it."""


@dataclass(frozen=True)
class Endpoint:
    """A UDP address.

    :ivar address: numeric.
    """

    family: int
    address: str
    port: int

    @property
    def subnet(self) -> str:
        """What shares a switch, as far as an address tells: /24 of IPv4, /64 of IPv6."""
        if self.family == socket.AF_INET6:
            return socket.inet_pton(self.family, self.address.partition("%")[0])[:8].hex()
        return self.address.rpartition(".")[0]


def resolve(address: str, port: int) -> Endpoint:
    """The endpoint behind a name or a numeric address.

    :raises Unreachable: unknown name.
    """
    try:
        family, _, _, _, where = socket.getaddrinfo(address, port, type=socket.SOCK_DGRAM)[0]
    except socket.gaierror as error:
        raise Unreachable(f"{address}: {error.strerror}") from None
    return Endpoint(int(family), str(where[0]), port)


class UdpWire:
    """Sends and receives datagrams of one endpoint; watches the run's cancel while it waits."""

    def __init__(self, endpoint: Endpoint, run: Run, host: str) -> None:
        self._run = run
        self._host = host
        self._socket = socket.socket(endpoint.family, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._socket.connect((endpoint.address, endpoint.port))
            self._readable = select.poll()  # select() cannot watch descriptors above 1023
            self._readable.register(self._socket, select.POLLIN)
        except OSError as error:
            self._socket.close()
            raise Unreachable(error.strerror or str(error)) from None

    def send(self, datagram: bytes) -> None:
        """Hand one datagram to the kernel; a full queue counts as a lost datagram.

        :raises Unreachable: an earlier datagram was refused, or there is no route.
        """
        try:
            self._socket.send(datagram)
        except BlockingIOError:
            return
        except OSError as error:
            raise Unreachable(error.strerror or str(error)) from None

    def receive(self, until: float) -> Iterator[bytes]:
        """Datagrams as they come, until the clock of the run says `until`.

        :raises Unreachable: the endpoint refused what was sent.
        :raises Cancelled: the run was cancelled.
        """
        while not self._run.cancel.is_set():
            left = until - self._run.clock()
            try:
                if left > 0:
                    self._readable.poll(min(left, _SLICE) * 1000)
                yield self._socket.recv(_LARGEST)
            except BlockingIOError:
                if left <= 0:
                    return
            except OSError as error:
                raise Unreachable(error.strerror or str(error)) from None
        raise Cancelled(
            "cancelled while waiting for its BMC",
            host=self._host,
            next_step="run the same command again; it resumes",
        )

    def close(self) -> None:
        self._socket.close()
