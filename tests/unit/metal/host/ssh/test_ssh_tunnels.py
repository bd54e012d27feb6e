"""Tunnels with a real HTTP client on this end and a real server on the other."""

from __future__ import annotations

import functools
import http.server
import socket
import stat
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from metal.host.ssh import Ssh
from tests.unit.metal.host.ssh.loopback_sshd import Sshd

pytestmark = pytest.mark.root

# The standard streams of a process as one TCP connection: what `docker system dial-stdio` does.
DIAL = """
import os, socket, sys, threading
far = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
def up():
    while data := os.read(0, 65536):
        far.sendall(data)
    far.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
while data := far.recv(65536):
    view = memoryview(data)
    while view:
        view = view[os.write(1, view):]
"""


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("web")
    (folder / "big").write_bytes(bytes(range(256)) * 20_000)
    (folder / "small").write_text("hello")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def _client(path: Path) -> httpx.Client:
    return httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), base_url="http://host", timeout=10)


def test_http_through_a_port(ssh: Ssh, web: int) -> None:
    with ssh.tunnel_port(web) as path, _client(path) as client:
        assert client.get("/small").text == "hello"
        assert client.get("/big").content == bytes(range(256)) * 20_000
        assert client.get("/none").status_code == 404


def test_http_through_a_command(ssh: Ssh, web: int) -> None:
    with ssh.tunnel_command([sys.executable, "-c", DIAL, str(web)]) as path, _client(path) as client:
        assert client.get("/small").text == "hello"
        assert client.get("/big").content == bytes(range(256)) * 20_000


def test_the_socket_is_private_and_goes_with_the_tunnel(ssh: Ssh, web: int) -> None:
    with ssh.tunnel_port(web) as path:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert len(str(path)) < 108
    assert not path.parent.exists()


def test_the_end_of_what_is_sent_leaves_the_answer_coming(ssh: Ssh) -> None:
    with ssh.tunnel_command(["sh", "-c", "wc -c"]) as path, socket.socket(socket.AF_UNIX) as near:
        near.settimeout(10)
        near.connect(str(path))
        near.sendall(b"x" * 100_000)
        near.shutdown(socket.SHUT_WR)
        assert near.recv(100).strip() == b"100000"
        assert near.recv(100) == b""


def test_a_command_that_fails_ends_the_connection_and_tells_why(ssh: Ssh) -> None:
    with ssh.tunnel_command(["sh", "-c", "echo no such engine >&2; exit 3"]) as path:
        with _client(path) as client, pytest.raises(httpx.TransportError):
            client.get("/")
        assert "status 3: no such engine" in str(ssh.tunnel_failure(path))


def test_a_closed_port_ends_the_connection_and_tells_why(ssh: Ssh) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with ssh.tunnel_port(port) as path:
        with _client(path) as client, pytest.raises(httpx.TransportError):
            client.get("/")
        assert "onnection refused" in str(ssh.tunnel_failure(path))


def test_more_connections_than_sessions_are_served_in_turn_and_commands_go_on(ssh: Ssh, sshd: Sshd, web: int) -> None:
    answers: list[str] = []

    def get(path: Path) -> None:
        with _client(path) as client:
            answers.append(client.get("/small").text)

    with ssh.tunnel_command([sys.executable, "-c", DIAL, str(web)]) as path:
        threads = [threading.Thread(target=get, args=(path,)) for _ in range(12)]
        for thread in threads:
            thread.start()
        assert ssh.run(["echo", "meanwhile"], timeout=10).stdout == "meanwhile\n"
        for thread in threads:
            thread.join()
    assert answers == ["hello"] * 12


def test_an_open_connection_does_not_keep_the_tunnel_from_closing(ssh: Ssh) -> None:
    near = socket.socket(socket.AF_UNIX)
    with ssh.tunnel_command(["cat"]) as path:
        near.connect(str(path))
        near.sendall(b"ping")
        assert near.recv(10) == b"ping"
    near.settimeout(5)
    assert near.recv(10) == b""
    near.close()
