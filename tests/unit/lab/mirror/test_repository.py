"""The index of the mirror's package folder."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from lab.mirror.artifacts import offer
from lab.mirror.repository import index_repository


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is not on this machine")
def test_each_package_is_listed_with_its_place_size_and_digest(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(
        "Package: thing\nVersion: 1:2.0-1\nArchitecture: all\n"
        "Maintainer: nobody <n@example.org>\nDescription: a thing\n"
    )
    pool = tmp_path / "pool"
    pool.mkdir()
    package = pool / "thing_1.2.0-1_all.deb"
    subprocess.run(["dpkg-deb", "--build", str(tree), str(package)], check=True, capture_output=True)
    index_repository(pool)
    index = (pool / "Packages").read_text()
    assert index.startswith("Package: thing\nVersion: 1:2.0-1\n")
    assert "Filename: ./thing_1.2.0-1_all.deb\n" in index
    assert f"Size: {package.stat().st_size}\n" in index
    assert f"SHA256: {hashlib.sha256(package.read_bytes()).hexdigest()}\n" in index
    assert gzip.decompress((pool / "Packages.gz").read_bytes()).decode() == index


def test_a_binary_is_offered_with_its_digest_and_follows_a_new_one(tmp_path: Path) -> None:
    place = tmp_path / "www/tool/1.0/tool"
    for content in (b"one", b"two"):
        binary = tmp_path / content.decode()
        binary.write_bytes(content)
        offer(binary, place)
        offer(binary, place)
        assert place.read_bytes() == content
        digest = place.with_name("tool.sha256").read_text()
        assert digest == f"{hashlib.sha256(content).hexdigest()}  tool\n"
