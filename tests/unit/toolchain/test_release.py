from __future__ import annotations

import hashlib
import http.server
import io
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from toolchain.errors import ToolchainError
from toolchain.release import PULUMI_VERSION, Release, official_release


def _archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        content = b"#!/bin/sh\n"
        member = tarfile.TarInfo("pulumi/pulumi")
        member.size, member.mode = len(content), 0o755
        tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """URL and sum of an archive on a real HTTP server."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "release.tar.gz").write_bytes(_archive())

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(folder))  # type: ignore[arg-type]

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        sha256 = hashlib.sha256((folder / "release.tar.gz").read_bytes()).hexdigest()
        yield f"http://127.0.0.1:{server.server_port}/release.tar.gz", sha256
        server.shutdown()
        thread.join()


def test_unpacks_without_the_first_folder(site: tuple[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "tool"
    folder.mkdir()
    Release(*site).unpack(folder, timeout=5)
    assert (folder / "pulumi").stat().st_mode & 0o111


def test_another_sum_is_refused_and_nothing_unpacked(site: tuple[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "tool"
    folder.mkdir()
    with pytest.raises(ToolchainError, match="checking") as caught:
        Release(site[0], "0" * 64).unpack(folder, timeout=5)
    assert site[1] in caught.value.cause
    assert list(folder.iterdir()) == []


def test_absent_file_is_an_error_with_its_reason(site: tuple[str, str], tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match="downloading") as caught:
        Release(site[0] + "x", site[1]).unpack(tmp_path, timeout=5)
    assert "File not found" in caught.value.cause


def test_pinned_url_names_the_version() -> None:
    release = official_release()
    assert release is not None
    assert f"/v{PULUMI_VERSION}/" in release.url
    assert len(release.sha256) == 64
