"""A TCP connection within a time of its own: a packet to a host that is still dark must not hold up the next one."""

from __future__ import annotations

import asyncio
import socket

__all__ = ["connected_socket"]


async def connected_socket(address: str, port: int, *, seconds: float) -> socket.socket:
    """Connect to the first address that answers.

    Left to itself the kernel repeats a lost first packet after 1, 3, 7 and 15 s, and finds a host that came up
    meanwhile only then.

    :param address: an IP address or a name.
    :param seconds: for each address that a name stands for.
    :raises OSError: none answers; TimeoutError (one of them) when the time is over.
    """
    loop = asyncio.get_running_loop()
    failed: OSError | None = None
    for family, kind, protocol, _, where in await loop.getaddrinfo(address, port, type=socket.SOCK_STREAM):
        connection = socket.socket(family, kind, protocol)
        try:
            connection.setblocking(False)
            await asyncio.wait_for(loop.sock_connect(connection, where), timeout=seconds)
        except OSError as error:
            connection.close()
            failed = error
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise failed or OSError(f"{address} stands for no address")
