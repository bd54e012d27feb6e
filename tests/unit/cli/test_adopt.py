"""`metalswarm adopt` up to the point where it would dial: what is refused before anything is looked at or written."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.adopt import app
from metal.errors import SettingsError

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEwHZ9Ap+5lKtX0eb3rVvbFoYv0Rld3r8Wq3Ws0fYQ0e"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: metalswarm\nruntime: python\n")
    return tmp_path


def refused(root: Path, *arguments: str) -> str:
    before = sorted(root.rglob("*"))
    done = CliRunner().invoke(app, [*arguments, f"--root={root}", "--key=/nowhere"])
    assert isinstance(done.exception, SettingsError), done.output
    assert sorted(root.rglob("*")) == before, "nothing was written"
    return str(done.exception)


def test_a_folder_that_is_no_project(tmp_path: Path) -> None:
    assert "is no Pulumi project" in refused(tmp_path, "ssh://10.0.0.1")


def test_a_stack_file_that_is_there(project: Path) -> None:
    (project / "Pulumi.prod.yaml").write_text("config: {}\n")
    assert "Pulumi.prod.yaml: exists" in refused(project, "ssh://10.0.0.1")


@pytest.mark.parametrize("text", ["http://10.0.0.1", "ssh://", "ssh://root:pw@10.0.0.1", "ssh://10.0.0.1:x", "a/b"])
def test_what_is_no_ssh_address(project: Path, text: str) -> None:
    said = refused(project, text)
    assert "is no SSH address" in said
    assert "pw" not in said


def test_a_jump_host_without_its_key(project: Path) -> None:
    assert "--jump.host_key" in refused(project, "ssh://10.0.0.1", "--jump=ssh://10.0.0.9")


def test_an_inventory_that_is_wrong(project: Path, tmp_path: Path) -> None:
    (tmp_path / "rack.yaml").write_text("hosts: {n1: {adress: 10.0.0.1}}\n")
    assert "did you mean address?" in refused(project, "ssh://10.0.0.1", f"--inventory={tmp_path / 'rack.yaml'}")


def test_a_key_that_is_not_there(project: Path) -> None:
    said = refused(project, "ops@10.0.0.1:2222", "--jump=ssh://10.0.0.9", f"--jump-host-key={HOST_KEY}")
    assert "--key = /nowhere: No such file or directory" in said
    assert "METALSWARM_SSH" not in said
