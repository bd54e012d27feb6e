from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from metal.host.ssh import Ssh, SshPool
from metal.waiting import Run
from tests.unit.metal.host.ssh.loopback_sshd import Sshd, need_sshd


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """A running server, shared by a module's tests; not to be stopped by them."""
    need_sshd()
    server = Sshd.make(tmp_path_factory.mktemp("sshd") / "a", kinds=("ed25519", "ecdsa"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Sshd]:
    """A running server for one test, which may stop it and change its keys."""
    need_sshd()
    server = Sshd.make(tmp_path / "own")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def pool(sshd: Sshd) -> Iterator[SshPool]:
    with SshPool(sshd.credentials()) as pool:
        yield pool


@pytest.fixture
def ssh(sshd: Sshd, pool: SshPool) -> Ssh:
    return pool.connect(sshd.access(), deadline=Run().deadline(10))
