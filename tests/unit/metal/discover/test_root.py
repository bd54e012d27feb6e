from __future__ import annotations

import hashlib
import json
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metal.discover.root import parse_root, service_roots
from metal.discover.sight import RedfishRoot
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
