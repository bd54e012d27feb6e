"""A Consul snapshot counts only when its own sums say that it is whole."""

from __future__ import annotations

import hashlib
import io
import tarfile

import pytest

from metal.errors import ClusterError
from metal.rescue.snapshot import check_snapshot


def archive(**changed: bytes) -> bytes:
    texts = {"meta.json": b"{}", "state.bin": b"state " * 100}
    sums = "".join(f"{hashlib.sha256(text).hexdigest()}  {name}\n" for name, text in texts.items())
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, text in {**texts, "SHA256SUMS": sums.encode(), **changed}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text))
    return out.getvalue()


def test_a_whole_one_passes() -> None:
    check_snapshot(archive(), host="n1")


@pytest.mark.parametrize(
    "content",
    [
        archive(**{"state.bin": b"other"}),
        archive(SHA256SUMS=b""),
        archive(SHA256SUMS=b"no sums"),
        archive()[:-20],
        archive()[:40],
        b"",
        b"rpc error",
    ],
    ids=["other state", "no sums", "not sums", "cut off at the end", "cut off early", "empty", "not an archive"],
)
def test_anything_else_is_refused(content: bytes) -> None:
    with pytest.raises(ClusterError, match="not whole"):
        check_snapshot(content, host="n1")
