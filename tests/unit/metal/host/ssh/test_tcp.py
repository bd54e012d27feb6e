import asyncio
import socket
import time

import pytest

from metal.host.ssh.failure import describe
from metal.host.ssh.tcp import connected_socket


def connect(port: int, seconds: float) -> socket.socket:
    return asyncio.run(connected_socket("127.0.0.1", port, seconds=seconds))


def test_a_listening_port_is_reached():
    with socket.create_server(("127.0.0.1", 0)) as server, connect(server.getsockname()[1], 5) as connection:
        assert connection.getpeername() == server.getsockname()


def test_a_silent_one_is_given_up_in_time():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        # A full queue drops what comes next, as a host that is dark does.
        started = time.monotonic()
        with connect(server.getsockname()[1], 5), pytest.raises(TimeoutError) as caught:
            connect(server.getsockname()[1], 0.2)
        assert time.monotonic() - started < 1
        assert describe(caught.value) == "no answer in time"


def test_a_closed_port_says_so():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError) as caught:
            connect(bound.getsockname()[1], 5)
    assert describe(caught.value) == "connection refused"


def test_the_network_is_quoted_and_not_the_library():
    assert describe(OSError(113, "Connect call failed ('10.0.0.1', 22)")) == "no route to host"
    assert describe(socket.gaierror(-2, "Name or service not known")) == "Name or service not known"
