"""A BMC at another address: datagrams passed on, both ways, between a free local port and the real one."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["moved_bmc"]


@contextmanager
def moved_bmc(address: str, target: tuple[str, int]) -> Iterator[int]:
    """Serve `target` at a port of `address` for as long as the block lasts; yields the port.

    :param address: of the loopback network.
    """
    front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    front.bind((address, 0))
    back: dict[socket.socket, tuple[str, int]] = {}
    by_peer: dict[tuple[str, int], socket.socket] = {}
    ended, waker = socket.socketpair()
    poll = selectors.DefaultSelector()
    for each in (front, ended):
        poll.register(each, selectors.EVENT_READ)

    def serve() -> None:
        while True:
            for key, _ in poll.select():
                if key.fileobj is ended:
                    return
                if key.fileobj is front:
                    data, peer = front.recvfrom(65535)
                    if peer not in by_peer:
                        by_peer[peer] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                        by_peer[peer].connect(target)
                        back[by_peer[peer]] = peer
                        poll.register(by_peer[peer], selectors.EVENT_READ)
                    by_peer[peer].send(data)
                else:
                    assert isinstance(key.fileobj, socket.socket)
                    front.sendto(key.fileobj.recv(65535), back[key.fileobj])

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield int(front.getsockname()[1])
    finally:
        waker.send(b"x")
        thread.join(5)
        for each in (front, ended, waker, *back):
            each.close()
