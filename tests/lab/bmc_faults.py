"""A lossy network in front of one BMC, and a BMC that is a black hole."""

from __future__ import annotations

import random
import selectors
import socket
import threading


class LossyProxy:
    """Passes datagrams between clients and one BMC and drops some in each direction.

    :param loss: probability that a datagram is dropped.
    :param seed: makes the drops the same every time, for the same order of datagrams.
    """

    def __init__(self, target: tuple[str, int], *, loss: float, seed: int, address: str = "127.0.9.250") -> None:
        self.passed = 0
        self.dropped = 0
        self._loss = loss
        self._random = random.Random(seed)
        self._target = target
        self._front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._front.bind((address, 0))
        self.address, self.port = self._front.getsockname()
        self._upstream: dict[tuple[str, int], socket.socket] = {}
        self._stop_read, self._stop_write = socket.socketpair()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _lost(self) -> bool:
        if self._random.random() < self._loss:
            self.dropped += 1
            return True
        self.passed += 1
        return False

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._front, selectors.EVENT_READ)
            selector.register(self._stop_read, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self._stop_read:
                        return
                    if key.fileobj is self._front:
                        datagram, client = self._front.recvfrom(2048)
                        if client not in self._upstream:
                            upstream = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                            upstream.connect(self._target)
                            self._upstream[client] = upstream
                            selector.register(upstream, selectors.EVENT_READ, client)
                        if not self._lost():
                            self._upstream[client].send(datagram)
                    else:
                        datagram = key.fileobj.recv(2048)
                        if not self._lost():
                            self._front.sendto(datagram, key.data)

    def close(self) -> None:
        self._stop_write.send(b"x")
        self._thread.join()
        for each in (self._front, self._stop_read, self._stop_write, *self._upstream.values()):
            each.close()


class BlackHole:
    """A bound port that nobody ever reads."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, 0))
        self.address, self.port = self._socket.getsockname()

    def close(self) -> None:
        self._socket.close()
