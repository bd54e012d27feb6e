"""A script in a host's system: what a server says that begins anew, and what a script says that fails."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.inside import run_inside
from lab.spec import LabSpec

REFUSED = 'echo "ssh: connect to host 10.9.0.11 port 22: Connection refused" >&2; exit 255'


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LabSpec:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return LabSpec("t", 1, IPv4Network("10.9.0.0/24"), IPv4Address("127.0.9.0"), directory=tmp_path)


def ssh(folder: Path, text: str) -> None:
    """What `ssh` does from now on; each call is a line in `calls`."""
    path = folder / "ssh"
    path.write_text(f"#!/bin/sh\necho call >>{folder}/calls\n{text}\n")
    path.chmod(0o755)


def calls(folder: Path) -> int:
    return len((folder / "calls").read_text().splitlines())


def test_a_server_that_begins_anew_is_waited_for(lab: LabSpec, tmp_path: Path) -> None:
    ssh(tmp_path, f"[ $(wc -l <{tmp_path}/calls) -gt 2 ] || {{ {REFUSED}; }}\ncat")
    assert run_inside(lab, lab.machine("n1"), "echo hello\n") == "echo hello\n"
    assert calls(tmp_path) == 3


@pytest.mark.parametrize(("end", "status"), [("echo broken >&2; exit 255", 255), ("echo no >&2; exit 1", 1)])
def test_a_script_that_may_have_run_is_not_run_again(lab: LabSpec, tmp_path: Path, end: str, status: int) -> None:
    ssh(tmp_path, end)
    with pytest.raises(LabError, match=f"failed with status {status}"):
        run_inside(lab, lab.machine("n1"), "true\n")
    assert calls(tmp_path) == 1
