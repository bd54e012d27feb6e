"""Decisions of an installation, and the installation itself through a real sshd from a real HTTP server."""

from __future__ import annotations

import hashlib
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from metal.errors import HostError, HostFault
from metal.host.archive import archive_kind, install, lacking_tools
from metal.host.archive.install import ArchiveKind, ArchiveSeen, Step, decide_step, parse_seen
from metal.host.artifact import fetch, fetch_artifact
from metal.host.ssh import Ssh, SshPool
from metal.settings.fleet import Artifact
from metal.waiting import Run
from tests.unit.metal.host.archive.releases import PROGRAM, tar_of, zip_of
from tests.unit.metal.host.ssh.loopback_sshd import Sshd, need_sshd

A, B, M = "a" * 64, "b" * 64, "c" * 64
RELEASE = {"LICENSE.txt": b"terms", "consul": PROGRAM}


@pytest.mark.parametrize(
    ("url", "kind"),
    [("https://releases.example.net/consul/1.15.4/consul_1.15.4_linux_amd64.zip", ArchiveKind.ZIP),
     ("https://x/a.ZIP?token=1", ArchiveKind.ZIP), ("https://x/a.tar.gz", ArchiveKind.TAR_GZ),
     ("https://x/a.tgz#f", ArchiveKind.TAR_GZ), ("https://x/consul", None), ("https://x/zip", None),
     ("https://x/consul?name=a.zip", None), ("https://x.zip", None), ("https://x/a.tar", None)],
)  # fmt: skip
def test_the_kind_is_told_by_the_end_of_the_path(url: str, kind: ArchiveKind | None) -> None:
    assert archive_kind(url) is kind


@pytest.mark.parametrize(
    ("seen", "step"),
    [(ArchiveSeen(), Step.UNPACK), (ArchiveSeen(A, M, M, "755 0:0"), Step.NOTHING),
     (ArchiveSeen(A, M, M, "755 0:0", leftover=True), Step.NOTHING), (ArchiveSeen(A, M, M, "700 0:0"), Step.ATTRIBUTES),
     (ArchiveSeen(A, M, M, "755 1:0"), Step.ATTRIBUTES), (ArchiveSeen(B, M, M, "755 0:0"), Step.UNPACK),
     (ArchiveSeen(A, M, B, "755 0:0"), Step.UNPACK), (ArchiveSeen(A, M), Step.UNPACK),
     (ArchiveSeen(A, None, M, "755 0:0"), Step.UNPACK), (ArchiveSeen(None, None, A, "755 0:0"), Step.UNPACK),
     (ArchiveSeen(A, None, None, None), Step.UNPACK)],
)  # fmt: skip
def test_only_the_file_that_came_out_of_that_archive_is_left_alone(seen: ArchiveSeen, step: Step) -> None:
    assert decide_step(seen, A, 0o755) is step


def test_what_the_host_printed_is_read() -> None:
    text = f"archive {A}\nmember {M}\nleftover yes\ndigest {B}\nattributes 755 0:0\n"
    assert parse_seen(text) == ArchiveSeen(A, M, B, "755 0:0", leftover=True)
    assert parse_seen("") == ArchiveSeen()


@dataclass
class Web:
    """Files by path, and what was asked for."""

    port: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def offer(self, name: str, content: bytes) -> Artifact:
        self.files[f"/{name}"] = content
        return Artifact("1.15.4", f"http://127.0.0.1:{self.port}/{name}", hashlib.sha256(content).hexdigest())


@pytest.fixture
def web() -> Iterator[Web]:
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            web.asked.append(self.path)
            content = web.files.get(self.path)
            self.send_response(200 if content is not None else 404)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        web.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield web
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ssh]:
    need_sshd()
    server = Sshd.make(tmp_path_factory.mktemp("sshd") / "a")
    server.start()
    with SshPool(server.credentials()) as pool:
        yield pool.connect(server.access(), deadline=Run().deadline(10))
    server.stop()


@pytest.fixture
def stamps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "stamps"
    monkeypatch.setattr(install, "FOLDER", str(folder))
    return folder


@pytest.mark.root
class TestInstalling:
    @pytest.mark.parametrize(
        ("name", "content"),
        [("consul_1.15.4_linux_amd64.zip", zip_of(RELEASE)), ("streamed.zip", zip_of(RELEASE, streamed=True)),
         ("stored.zip", zip_of(RELEASE, method=zipfile.ZIP_STORED)),
         ("prefixed.zip", zip_of(RELEASE, before=b"#!/bin/sh\n")),
         ("folder.tar.gz", tar_of({"consul-1/LICENSE": b"terms", "consul-1/consul": PROGRAM})),
         ("dot.tgz", tar_of({"./consul": PROGRAM}))],
        ids=lambda value: value if isinstance(value, str) else "archive",
    )  # fmt: skip
    def test_the_program_is_installed_once(
        self, ssh: Ssh, web: Web, stamps: Path, tmp_path: Path, name: str, content: bytes
    ) -> None:
        artifact = web.offer(name, content)
        target = tmp_path / "bin" / "consul"
        assert lacking_tools(ssh, artifact.url) == ()
        assert fetch_artifact(ssh, artifact, str(target), 0o755)
        assert target.read_bytes() == PROGRAM
        assert (target.stat().st_mode & 0o7777, target.stat().st_uid) == (0o755, 0)
        assert not fetch_artifact(ssh, artifact, str(target), 0o755)
        assert web.asked == [f"/{name}"], "downloaded once"
        assert [path.name for path in target.parent.iterdir()] == ["consul"]
        (stamp,) = stamps.iterdir()
        assert f"destination {target}\narchive {artifact.sha256}\n" in stamp.read_text()

    def test_a_program_that_changed_is_put_back_and_its_mode_without_a_download(
        self, ssh: Ssh, web: Web, stamps: Path, tmp_path: Path
    ) -> None:
        artifact = web.offer("a.zip", zip_of(RELEASE))
        target = tmp_path / "consul"
        fetch_artifact(ssh, artifact, str(target), 0o755)
        target.chmod(0o600)
        assert fetch_artifact(ssh, artifact, str(target), 0o755)
        assert target.stat().st_mode & 0o7777 == 0o755
        assert len(web.asked) == 1
        target.write_bytes(b"other")
        assert fetch_artifact(ssh, artifact, str(target), 0o755)
        target.unlink()
        target.symlink_to("/bin/true")
        assert fetch_artifact(ssh, artifact, str(target), 0o755)
        assert target.read_bytes() == PROGRAM
        assert not target.is_symlink()
        newer = web.offer("b.zip", zip_of({"consul": b"newer"}))
        assert fetch_artifact(ssh, newer, str(target), 0o755)
        assert target.read_bytes() == b"newer"

    def test_a_whole_archive_that_an_interrupted_run_left_is_used_and_then_removed(
        self, ssh: Ssh, web: Web, stamps: Path, tmp_path: Path
    ) -> None:
        artifact = web.offer("a.zip", zip_of(RELEASE))
        target = tmp_path / "consul"
        fetch_artifact(ssh, artifact, str(target), 0o755)
        (stamp,) = stamps.iterdir()
        left = stamp.with_suffix(".archive")
        left.write_bytes(zip_of(RELEASE))
        stamp.unlink()
        assert fetch_artifact(ssh, artifact, str(target), 0o755)
        assert len(web.asked) == 1
        assert not left.exists()
        left.write_bytes(b"half")
        assert not fetch_artifact(ssh, artifact, str(target), 0o755)
        assert not left.exists()

    @pytest.mark.parametrize(
        ("name", "content", "says"),
        [("a.zip", zip_of({"LICENSE.txt": b"terms"}), "has no member consul"),
         ("a.zip", b"no zip at all", "it is no zip archive"), ("a.zip", zip_of(RELEASE)[:-1], "it is no zip archive"),
         ("a.zip", zip_of({"consul": b"/etc/shadow"}, kind=0o120000), "a symbolic link"),
         ("a.tgz", b"no tar at all", "no tar.gz archive"), ("a.tgz", tar_of({"nomad": b"1"}), "has no member consul"),
         ("a.tgz", tar_of({"consul": b""}, kind=tarfile.SYMTYPE), "no plain file"),
         ("a.tgz", tar_of({"../consul": b"1"}), "path that no release has"), ("a.tgz", tar_of(RELEASE)[:-9], "broken")],
        ids=lambda value: value if isinstance(value, str) else "archive",  # its time is in its bytes
    )  # fmt: skip
    def test_a_wrong_archive_is_told_and_leaves_everything_as_it_was(
        self, ssh: Ssh, web: Web, stamps: Path, tmp_path: Path, name: str, content: bytes, says: str
    ) -> None:
        target = tmp_path / "bin" / "consul"
        target.parent.mkdir()
        target.write_bytes(b"old")
        artifact = web.offer(name, content)
        with pytest.raises(HostError, match=says) as caught:
            fetch_artifact(ssh, artifact, str(target), 0o755)
        assert caught.value.fault is HostFault.COMMAND
        assert str(target) in str(caught.value)
        assert target.read_bytes() == b"old"
        assert [path.name for path in target.parent.iterdir()] == ["consul"]
        assert list(stamps.iterdir()) == []

    def test_content_that_does_not_fit_its_table_is_told(
        self, ssh: Ssh, web: Web, stamps: Path, tmp_path: Path
    ) -> None:
        for method, at in ((zipfile.ZIP_DEFLATED, 200), (zipfile.ZIP_STORED, None)):
            archive = bytearray(zip_of({"consul": PROGRAM}, method=method))
            if at is not None:
                archive[at] ^= 0xFF
            else:
                # The size in the table, one more than what is there.
                place = archive.rindex(b"PK\x01\x02") + 24
                archive[place] ^= 1
            with pytest.raises(HostError, match="consul in the archive is broken"):
                fetch_artifact(ssh, web.offer("a.zip", bytes(archive)), str(tmp_path / "consul"), 0o755)
            assert not (tmp_path / "consul").exists()
            assert list(stamps.iterdir()) == []

    def test_another_archive_than_the_one_asked_for_is_never_opened(
        self, ssh: Ssh, web: Web, stamps: Path, tmp_path: Path
    ) -> None:
        artifact = web.offer("a.zip", zip_of(RELEASE))
        with pytest.raises(HostError, match=r"the archive of .*consul is not the file that was asked for"):
            fetch(ssh, artifact.url, A, str(tmp_path / "consul"), 0o755)
        with pytest.raises(HostError, match="could not download it"):
            fetch(ssh, artifact.url.replace("a.zip", "b.zip"), A, str(tmp_path / "consul"), 0o755)
        assert not (tmp_path / "consul").exists()
        assert list(stamps.iterdir()) == []
