"""What is said of managers that do not answer; the SSH is real."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest

from metal.cluster.swarm import living
from metal.settings.credentials import Credentials
from metal.site import Site
from metal.waiting import Run
from tests.unit.small_fleet import small_fleet


@pytest.fixture
def closed_port() -> Iterator[int]:
    """Nobody listens there: what is refused at once."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_a_host_that_is_not_asked_again_so_soon_is_still_named_with_what_it_said(
    tmp_path: Path, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(living, "_CONNECT_SECONDS", 0.5)
    key = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    refusing = {"address": "127.0.0.1", "ssh": {"user": "root", "port": closed_port}}
    fleet = small_fleet(tmp_path, n1=refusing, n2={"hold": "RMA"})
    lines: list[str] = []
    with Site.open(
        fleet, Credentials.from_config({"metalswarm:ssh-default": key}, {}), Run(progress=lines.append)
    ) as site:
        managers = living.LivingManagers(site, "blue")
        for _ in range(2):
            with managers.open(None) as found:
                assert found is None
            assert managers.seen == f"n1: root@127.0.0.1:{closed_port}: connection refused"
    assert not lines, "a look tells nothing of itself"


@pytest.mark.demand("R3")
def test_managers_that_an_engine_knows_by_their_ipv6_addresses_are_known_by_name(tmp_path: Path) -> None:
    fleet = small_fleet(tmp_path, n1={"address": "fd00::1"}, n3={"address": "fd00::3"})
    with Site.open(fleet, Credentials.from_config({}, {}), Run()) as site:
        managers = living.LivingManagers(site, "green", host="n1")
        managers.learn(addresses=("[fd00::3]:2377", "10.0.0.2:2377", "[fd00::9]:2377"))
        assert managers.names[-2:] == ("n3", "n2")
