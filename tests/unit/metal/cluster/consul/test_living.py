"""What a wait for a cluster tells while its hosts do not answer; the waiting and the SSH are real."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest

from metal.cluster.consul import MemberWish, living
from metal.errors import ClusterError
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


def test_hosts_that_refuse_are_told_as_what_the_wait_for_a_leader_sees(
    tmp_path: Path, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(living, "_LOOK_SECONDS", 1.5)
    key = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    fleet = small_fleet(tmp_path, n1={"address": "127.0.0.1", "ssh": {"user": "root", "port": closed_port}})
    lines: list[str] = []
    run = Run(progress=lines.append)
    with (
        Site.open(fleet, Credentials.from_config({"metalswarm:ssh-default": key}, {}), run) as site,
        pytest.raises(ClusterError) as caught,
        living.living_api(site, MemberWish.asking(fleet, "blue"), deadline=run.deadline(3)),
    ):
        pass
    assert "connection refused" in str(caught.value)
    assert lines, "it is told what is waited for"
    for line in lines:
        assert line.startswith("n1: waiting: a Consul leader of blue (n1: does not answer by SSH"), line
        assert line.endswith(" of 3 s")
