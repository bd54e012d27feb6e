"""Consul's release archive, as the vendor packs it, on a host that has neither unzip nor a way out of the lab."""

from __future__ import annotations

import hashlib
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from lab.api import Lab
from lab.bmc.client import PowerAct
from lab.spec import LabSpec
from metal.errors import HostError, HostFault
from metal.host.archive import lacking_tools
from metal.host.artifact import fetch_artifact
from metal.host.ssh import Ssh, SshPool
from metal.settings.access import Access
from metal.settings.credentials import Credentials
from metal.settings.fleet import Artifact
from metal.waiting import Run
from tests.engine.project import CHECKOUT

pytestmark = pytest.mark.lab

NAME = "consul_1.15.4_linux_amd64.zip"
BINARY = "/usr/local/bin/consul"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    spec = LabSpec(
        name="zip",
        hosts=1,
        subnet=IPv4Network("10.83.0.0/24"),
        bmc_base=IPv4Address("127.0.83.0"),
        directory=CHECKOUT / ".metalswarm" / "test-archive",
    )
    lab = Lab.from_spec(spec)
    lab.down()
    try:
        lab.up()
        host = lab.host("n1")
        host.set_boot("pxe")
        host.power(PowerAct.ON)
        yield lab
    finally:
        lab.down()


@pytest.fixture(scope="module")
def ssh(lab: Lab) -> Iterator[Ssh]:
    credentials = Credentials.from_config({"metalswarm:ssh-lab": lab.ssh_key.read_text()}, {})
    access = Access("n1", str(lab.spec.machine("n1").address), 22, "root", "lab", False)
    with SshPool(credentials) as pool:
        yield pool.connect(access, deadline=Run().deadline(90))


@pytest.fixture(scope="module")
def release(lab: Lab, ssh: Ssh, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Artifact, list[str]]]:
    """The release on a web server of its own at the lab's bridge, and what was asked of it."""
    folder = tmp_path_factory.mktemp("release")
    _pack(lab, ssh, folder)
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            asked.append(self.path)

    address = str(lab.spec.subnet[1])
    with ThreadingHTTPServer((address, 0), partial(Handler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
        thread.start()
        url = f"http://{address}:{server.server_port}/{NAME}"
        yield Artifact("1.15.4", url, hashlib.sha256((folder / NAME).read_bytes()).hexdigest()), asked
        server.shutdown()
        thread.join()


def _pack(lab: Lab, ssh: Ssh, folder: Path) -> None:
    """Pack the lab's own Consul like the vendor does: the program at the top, streamed, licence beside it."""
    plain = Artifact("1.15.4", f"{lab.spec.mirror_url}/consul/1.15.4/consul")
    plain = replace(plain, sha256_url=f"{plain.url}.sha256")
    fetch_artifact(ssh, plain, "/opt/plain/consul", 0o755)
    with zipfile.ZipFile(folder / NAME, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("consul", "w") as member:
            for chunk in _chunks(ssh, "/opt/plain/consul"):
                member.write(chunk)
        archive.writestr("LICENSE.txt", "terms")


def _chunks(ssh: Ssh, path: str, size: int = 16 * 2**20) -> Iterator[bytes]:
    count = 0
    while part := ssh.script('tail -c "+$2" -- "$1" | head -c "$3"', path, str(count + 1), str(size)).raw:
        count += len(part)
        yield part


def test_the_release_archive_is_installed_once_and_runs(ssh: Ssh, release: tuple[Artifact, list[str]]) -> None:
    artifact, asked = release
    assert ssh.run(["sh", "-c", "command -v unzip bsdtar busybox python3"], check=False).stdout == ""
    assert lacking_tools(ssh, artifact.url) == ()
    assert fetch_artifact(ssh, artifact, BINARY, 0o755)
    assert ssh.run([BINARY, "version"]).stdout.startswith("Consul v1.15.4")
    assert ssh.run(["cmp", BINARY, "/opt/plain/consul"]).rc == 0
    assert ssh.run(["stat", "-c", "%a %U:%G", BINARY]).stdout == "755 root:root\n"
    assert not fetch_artifact(ssh, artifact, BINARY, 0o755)
    assert asked == [f"/{NAME}"]
    assert ssh.run(["sh", "-c", "ls /var/lib/metalswarm/artifacts | sed 's/.*[.]//'"]).stdout == "stamp\n"


def test_a_program_that_was_tampered_with_is_put_back(ssh: Ssh, release: tuple[Artifact, list[str]]) -> None:
    artifact, _ = release
    ssh.run(["sh", "-c", f"echo >>{BINARY}"])
    assert fetch_artifact(ssh, artifact, BINARY, 0o755)
    assert ssh.run(["cmp", BINARY, "/opt/plain/consul"]).rc == 0


def test_another_digest_or_another_program_changes_nothing(ssh: Ssh, release: tuple[Artifact, list[str]]) -> None:
    artifact, _ = release
    with pytest.raises(HostError, match="not the file that was asked for"):
        fetch_artifact(ssh, replace(artifact, sha256="0" * 64), BINARY, 0o755)
    with pytest.raises(HostError, match="has no member nomad") as caught:
        fetch_artifact(ssh, artifact, "/usr/local/bin/nomad", 0o755)
    assert caught.value.fault is HostFault.COMMAND
    assert ssh.run(["ls", "-A", "/usr/local/bin"]).stdout == "consul\n"
    assert ssh.run(["sh", "-c", "ls /var/lib/metalswarm/artifacts | sed 's/.*[.]//'"]).stdout == "stamp\n"


def test_what_the_host_lacks_is_named_before_anything_is_downloaded(
    ssh: Ssh, release: tuple[Artifact, list[str]]
) -> None:
    artifact, asked = release
    before = list(asked)
    url = artifact.url.replace(".zip", ".tar.gz")
    ssh.run(["mv", "/usr/bin/tar", "/usr/bin/tar.away"])
    try:
        assert lacking_tools(ssh, url) == ("tar",)
        with pytest.raises(HostError, match="the host has no tar to unpack it with") as caught:
            fetch_artifact(ssh, replace(artifact, url=url), "/opt/probe/consul", 0o755)
    finally:
        ssh.run(["mv", "/usr/bin/tar.away", "/usr/bin/tar"])
    assert caught.value.fault is HostFault.NOT_READY
    assert asked == before
