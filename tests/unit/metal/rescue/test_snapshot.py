"""A Consul snapshot counts only when its own sums say that it is whole."""

from __future__ import annotations

import hashlib
import io
import tarfile
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from metal.cluster.consul.api import ConsulSilent
from metal.errors import ClusterError
from metal.rescue import snapshot
from metal.rescue.snapshot import check_snapshot
from metal.settings.credentials import Credentials
from metal.site import Site
from metal.waiting import Run
from tests.unit.small_fleet import small_fleet


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


def test_a_leader_that_leaves_meanwhile_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[bytes | ConsulSilent] = [
        ConsulSilent("Consul cannot answer", host="n1", seen="500: connection reset by peer"),
        archive(),
    ]

    def download(path: str, *, seconds: float) -> bytes:
        answer = answers.pop(0)
        if isinstance(answer, ConsulSilent):
            raise answer
        return answer

    api = SimpleNamespace(host="n1", download=download)
    monkeypatch.setattr(snapshot, "living_api", lambda site, wish, deadline: nullcontext(api))
    credentials = Credentials.from_config({"metalswarm:manager-default": "key"}, {})
    with Site.open(small_fleet(tmp_path), credentials, Run()) as site:
        taken = snapshot.take_snapshot(site, "blue", deadline=site.run.deadline(30))
    assert taken[0] == "n1"
    check_snapshot(taken[1], host="n1")
    assert not answers
