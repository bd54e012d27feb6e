from __future__ import annotations

import json
import subprocess
import textwrap
from pathlib import Path

import pytest

from cli import stack
from cli.stack import open_site, open_stack
from metal.errors import SettingsError
from metal.waiting import Run
from tests.unit.small_fleet import document, write_inventory


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project whose Pulumi CLI answers from two files."""
    root = tmp_path / "checkout"
    (root / "deep").mkdir(parents=True)
    (root / "Pulumi.yaml").write_text("name: shop\n")
    write_inventory(root)
    cli = tmp_path / "bin" / "pulumi"
    cli.parent.mkdir()
    cli.write_text(
        textwrap.dedent(
            f"""\
            #!/bin/sh
            echo "$@" >> {tmp_path}/calls
            case "$1" in stack) echo acme/prod ;; config) cat {tmp_path}/config ;; esac
            exit $(cat {tmp_path}/code)
            """
        )
    )
    cli.chmod(0o755)
    (tmp_path / "code").write_text("0")
    (tmp_path / "config").write_text(
        json.dumps(
            {
                "metalswarm:fleet": {"value": json.dumps(document()), "objectValue": document()},
                "metalswarm:bmc-default": {"value": "admin:topsecret", "secret": True},
            }
        )
    )
    monkeypatch.setenv("PATH", f"{cli.parent}:/usr/bin:/bin")
    monkeypatch.chdir(root / "deep")
    return tmp_path


def test_the_selected_stack_from_any_folder_of_the_checkout(project: Path) -> None:
    fleet, credentials = open_stack()
    assert fleet.owner == "shop/prod", "as the program names it: without the organisation"
    assert list(fleet.hosts) == ["n1", "n2", "n3", "n4"]
    assert credentials.bmc("default").password == "topsecret"
    assert "topsecret" not in (project / "calls").read_text()


def test_a_named_stack_is_taken_without_asking_which_one_is_selected(project: Path) -> None:
    assert open_stack("dev")[0].owner == "shop/dev"
    assert (project / "calls").read_text().splitlines() == [
        "config --json --show-secrets --stack dev --non-interactive"
    ]


def test_a_stack_without_a_fleet_is_told_what_to_write(project: Path) -> None:
    (project / "config").write_text("{}")
    with pytest.raises(SettingsError, match="metalswarm:fleet: is missing") as caught:
        open_stack("dev")
    assert "Pulumi.dev.yaml" in str(caught.value)


def test_a_stack_file_that_is_no_yaml_is_named_with_its_line(project: Path) -> None:
    (project / "checkout" / "Pulumi.dev.yaml").write_text("config:\n  metalswarm:fleet: {inventory: [a.yaml}\n")
    with pytest.raises(SettingsError, match=r"Pulumi\.dev\.yaml: line 2: is not YAML"):
        open_stack("acme/dev")
    assert not (project / "calls").exists()


def test_a_refusal_of_the_engine_is_passed_on_without_secrets(project: Path) -> None:
    (project / "code").write_text("255")
    with pytest.raises(SettingsError, match="pulumi config --json") as caught:
        open_stack("dev")
    assert "topsecret" not in str(caught.value)


def test_an_engine_that_hangs_is_an_error_of_ours(project: Path, monkeypatch) -> None:
    def hang(*args, **kwargs):
        raise subprocess.TimeoutExpired(args[0], kwargs["timeout"], output="topsecret")

    monkeypatch.setattr(subprocess, "run", hang)
    with pytest.raises(SettingsError, match="no answer within 60 s"):
        open_stack("dev")


def test_outside_a_project_and_without_an_engine(project: Path, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(stack.shutil, "which", lambda name: None)
    with pytest.raises(SettingsError, match="has no pulumi"):
        open_stack()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match="is in no Pulumi project"):
        open_stack()


def test_a_ledger_that_cannot_be_kept_is_told_before_anybody_is_asked(project: Path) -> None:
    (project / "checkout" / ".metalswarm").mkdir()
    (project / "checkout" / ".metalswarm" / "ledger").write_text("in the way")
    fleet, credentials = open_stack()
    with pytest.raises(SettingsError, match=r"\.metalswarm/ledger: is no folder"):
        open_site(fleet, credentials, Run())
