from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metal.discover.root import parse_root, service_roots
from metal.discover.sight import RedfishRoot
from metal.errors import Cancelled
from metal.waiting import Run
from tests.unit.metal.discover.rack import RedfishService

ROOT = {
    "@odata.type": "#ServiceRoot.v1_15_0.ServiceRoot",
    "RedfishVersion": "1.17.0",
    "Vendor": "Dell",
    "Product": "Integrated Dell Remote Access Controller",
    "UUID": "324b4a4f-c0b7-5680-104b-00420044454c",
}


def test_roots_are_read_with_the_certificate_that_was_shown(tmp_path: Path) -> None:
    service = RedfishService(tmp_path, "127.0.131.11", ROOT)
    # A web server, and no Redfish service.
    other = RedfishService(tmp_path, "127.0.131.12", {"hello": "world"}, port=service.port)
    addresses = [f"127.0.131.{number}" for number in range(10, 60)]
    try:
        found = service_roots(addresses, service.port, run=Run(), rate=1000, patience=60)
    finally:
        service.close()
        other.close()
    fingerprint = f"sha256:{hashlib.sha256(service.certificate).hexdigest()}"
    assert found == {"127.0.131.11": RedfishRoot("1.17.0", "Dell", ROOT["Product"], fingerprint)}


@pytest.mark.demand("R3")
def test_a_root_at_an_ipv6_address(tmp_path: Path) -> None:
    service = RedfishService(tmp_path, "::1", ROOT)
    try:
        found = service_roots(["::1"], service.port, run=Run(), rate=1000, patience=60)
    finally:
        service.close()
    assert found["::1"].vendor == "Dell"


def test_who_takes_connections_and_says_nothing_is_not_waited_for() -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.131.13", 0))
        mute.listen()
        run = Run()
        began = run.clock()
        assert service_roots(["127.0.131.13"], mute.getsockname()[1], run=run, rate=1000, patience=0.5) == {}
        assert run.clock() - began < 30


def test_a_root_without_a_version_is_one_by_its_type() -> None:
    body = json.dumps({"@odata.type": "#ServiceRoot.v1_0_0.ServiceRoot", "Vendor": "a\nb", "Product": 7}).encode()
    assert parse_root(200, body, b"") == RedfishRoot()
    assert parse_root(401, body, b"") is None


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'"x"', b"[" * 9999, b'{"RedfishVersio'])
def test_what_is_no_root(body: bytes) -> None:
    assert parse_root(200, body, b"") is None


@given(st.binary(max_size=60))
def test_noise_is_no_root(noise: bytes) -> None:
    assert parse_root(200, noise, b"") is None


@contextlib.contextmanager
def answering(folder: Path, address: str, serve: Callable[[ssl.SSLSocket, threading.Event], None]) -> Iterator[int]:
    """The port of a TLS service that answers each connection so, until its event is set."""
    service = RedfishService(folder, address, {})
    service.close()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{address}.pem")
    ended = threading.Event()

    def run() -> None:
        with contextlib.suppress(OSError):
            plain, _ = listener.accept()
            with context.wrap_socket(plain, server_side=True) as taken:
                taken.recv(4096)
                serve(taken, ended)

    with socket.create_server((address, 0)) as listener:
        thread = threading.Thread(target=run)
        thread.start()
        yield listener.getsockname()[1]
        ended.set()
        thread.join()


def trickle(taken: ssl.SSLSocket, ended: threading.Event) -> None:
    taken.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    while not ended.wait(0.05):
        taken.sendall(b"a")


def test_who_trickles_headers_is_not_waited_for(tmp_path: Path) -> None:
    with answering(tmp_path, "127.0.131.14", trickle) as port:
        assert service_roots(["127.0.131.14"], port, run=Run(), rate=1000, patience=0.5) == {}


def test_a_cancel_ends_a_look_at_one_who_trickles(tmp_path: Path) -> None:
    run = Run()
    with answering(tmp_path, "127.0.131.15", trickle) as port:
        timer = threading.Timer(0.5, run.cancel.set)
        timer.start()
        try:
            with pytest.raises(Cancelled):
                service_roots(["127.0.131.15"], port, run=run, rate=1000, patience=3600)
        finally:
            timer.cancel()


def test_a_compressed_root_is_none(tmp_path: Path) -> None:
    body = gzip.compress(json.dumps(ROOT).encode())
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n".encode()

    def serve(taken: ssl.SSLSocket, ended: threading.Event) -> None:
        taken.sendall(head + body)

    with answering(tmp_path, "127.0.131.16", serve) as port:
        assert service_roots(["127.0.131.16"], port, run=Run(), rate=1000, patience=30) == {}
