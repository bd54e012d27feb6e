"""Many small BMCs served by one thread: each a socket, none a thread of its own."""

from __future__ import annotations

import heapq
import itertools
import selectors
import socket
import threading
import time
from collections.abc import Iterable
from typing import Any, Protocol

__all__ = ["Rack"]


class _Bmc(Protocol):
    def answer(self, datagram: bytes) -> Iterable[tuple[float, bytes]]: ...


class Rack:
    """Serves BMCs until it is closed; add and remove from any thread."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._lock = threading.Lock()
        self._sockets: dict[int, socket.socket] = {}
        self._late: list[tuple[float, int, socket.socket, bytes, Any]] = []
        self._number = itertools.count()
        self._waker, self._wakened = socket.socketpair()
        self._selector.register(self._wakened, selectors.EVENT_READ)
        self._closed = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def add(self, bmc: _Bmc, address: str, port: int = 0) -> tuple[str, int]:
        """Serve `bmc` at a port of a loopback address; 0 takes a free one. Returns where it is.

        :raises OSError: the port is in use.
        """
        opened = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            opened.bind((address, port))
        except OSError:
            opened.close()
            raise
        opened.setblocking(False)
        with self._lock:
            self._sockets[id(bmc)] = opened
        where: tuple[str, int] = opened.getsockname()[:2]
        self._selector.register(opened, selectors.EVENT_READ, bmc)
        self._waker.send(b"x")
        return where

    def remove(self, bmc: _Bmc) -> None:
        """Free its port; nothing for one that is not served."""
        with self._lock:
            opened = self._sockets.pop(id(bmc), None)
            if opened is not None:
                self._selector.unregister(opened)
                opened.close()

    def close(self) -> None:
        """Free every port."""
        self._closed = True
        self._waker.send(b"x")
        self._thread.join()
        with self._lock:
            for opened in self._sockets.values():
                opened.close()
            self._sockets.clear()
        self._selector.close()
        self._waker.close()
        self._wakened.close()

    def _serve(self) -> None:
        while not self._closed:
            wait = max(0.0, self._late[0][0] - time.monotonic()) if self._late else None
            for key, _ in self._selector.select(wait):
                if key.fileobj is self._wakened:
                    self._wakened.recv(64)
                else:
                    self._receive(key.fileobj, key.data)
            while self._late and self._late[0][0] <= time.monotonic():
                _, _, opened, answer, peer = heapq.heappop(self._late)
                self._send(opened, answer, peer)

    def _receive(self, opened: Any, bmc: _Bmc) -> None:
        try:
            datagram, peer = opened.recvfrom(2048)
        except OSError:  # removed meanwhile, or woken for nothing
            return
        for delay, answer in bmc.answer(datagram):
            if delay:
                heapq.heappush(self._late, (time.monotonic() + delay, next(self._number), opened, answer, peer))
            else:
                self._send(opened, answer, peer)

    def _send(self, opened: socket.socket, answer: bytes, peer: Any) -> None:
        try:
            opened.sendto(answer, peer)
        except OSError:  # its client or its own socket is gone
            return
