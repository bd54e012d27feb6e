"""A login that PAM refuses because the system is still booting: waited for, and told apart from a wrong key."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from lab.api import Lab
from lab.bmc.client import PowerAct
from lab.spec import LabSpec
from metal.errors import HostError, HostFault
from metal.host.ssh import Ssh, SshPool
from metal.settings.access import Access
from metal.settings.credentials import Credentials
from metal.waiting import Run
from tests.engine.project import CHECKOUT

pytestmark = pytest.mark.lab

# What systemd-tmpfiles writes at the start of a boot; systemd-user-sessions removes it.
NOLOGIN = "System is booting up. Unprivileged users are not permitted to log in yet. See pam_nologin(8).\n"
USER = """
useradd --create-home --shell /bin/sh ops
install -d -m 0700 -o ops -g ops /home/ops/.ssh
install -m 0600 -o ops -g ops /root/.ssh/authorized_keys /home/ops/.ssh/authorized_keys
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    spec = LabSpec(
        name="nologin",
        hosts=1,
        subnet=IPv4Network("10.84.0.0/24"),
        bmc_base=IPv4Address("127.0.84.0"),
        directory=CHECKOUT / ".metalswarm" / "test-nologin",
    )
    lab = Lab.from_spec(spec)
    lab.down()
    try:
        lab.up()
        lab.host("n1").set_boot("pxe")
        lab.host("n1").power(PowerAct.ON)
        yield lab
    finally:
        lab.down()


@pytest.fixture(scope="module")
def credentials(lab: Lab) -> Credentials:
    return Credentials.from_config({"metalswarm:ssh-lab": lab.ssh_key.read_text()}, {})


@pytest.fixture(scope="module")
def root(lab: Lab, credentials: Credentials) -> Iterator[Ssh]:
    access = Access("n1", str(lab.spec.machine("n1").address), 22, "root", "lab", False)
    with SshPool(credentials) as pool:
        ssh = pool.connect(access, deadline=Run().deadline(90))
        ssh.script(USER)
        yield ssh


@pytest.fixture
def ops(root: Ssh) -> Access:
    return replace(root.access, user="ops", host_key=root.host_key)


def test_a_boot_that_goes_on_is_waited_for_longer_than_a_refused_key(
    root: Ssh, ops: Access, credentials: Credentials
) -> None:
    root.write("/run/nologin", NOLOGIN, mode=0o644)
    end = threading.Timer(6, root.remove, ["/run/nologin"])
    end.start()
    lines: list[str] = []
    run = Run(progress=lines.append)
    started = run.clock()
    try:
        with SshPool(credentials) as pool:
            pool.connect(ops, deadline=run.deadline(60), auth_grace=2)
    finally:
        end.join()
        root.remove("/run/nologin")
    assert run.clock() - started >= 5
    assert any("waiting: SSH answers" in line for line in lines)


def test_a_boot_without_an_end_is_not_called_a_wrong_key(root: Ssh, ops: Access, credentials: Credentials) -> None:
    root.write("/run/nologin", NOLOGIN, mode=0o644)
    try:
        with SshPool(credentials) as pool, pytest.raises(HostError) as caught:
            pool.connect(ops, deadline=Run().deadline(5), auth_grace=1)
    finally:
        root.remove("/run/nologin")
    assert caught.value.fault is HostFault.UNREACHABLE
    assert "authorized_keys" not in str(caught.value)
    with SshPool(credentials) as pool:
        assert pool.connect(ops, deadline=Run().deadline(20)).host_key == root.host_key
