"""`metalswarm lab` where no lab is up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.lab import app
from lab.errors import LabError


@pytest.fixture
def metalswarm_lab(tmp_path: Path):
    def call(*arguments: str) -> Result:
        described = [
            "--name",
            "none",
            "--hosts",
            "2",
            "--bmc-base",
            "127.250.0.0",
            "--directory",
            str(tmp_path / "none"),
        ]
        return CliRunner().invoke(app, [*described, *arguments])

    return call


def test_status_of_a_lab_that_is_down(metalswarm_lab) -> None:
    rows = json.loads(metalswarm_lab("status", "--json").stdout)
    assert [(row["name"], row["power"], row["bmc_answers"], row["boot"]) for row in rows] == [
        ("n1", False, False, "default"),
        ("n2", False, False, "default"),
    ]


def test_the_table_names_every_host_and_its_silent_bmc(metalswarm_lab) -> None:
    table = metalswarm_lab("status").stdout
    assert "n2" in table
    assert "127.250.0.2:6230 silent" in table


def test_power_without_a_lab_says_what_to_do(metalswarm_lab) -> None:
    failed = metalswarm_lab("power", "n1", "on")
    assert failed.exit_code == 1
    assert isinstance(failed.exception, LabError)
    assert "metalswarm lab up" in str(failed.exception)


def test_an_unknown_host_and_an_unknown_act_are_named(metalswarm_lab) -> None:
    assert "n9" in str(metalswarm_lab("power", "n9", "on").exception)
    refused = metalswarm_lab("power", "n1", "explode")
    assert refused.exit_code == 2
    assert "explode" in refused.output


def test_a_wrong_subnet_is_refused_before_anything_is_done() -> None:
    refused = CliRunner().invoke(app, ["--subnet", "10.77.0.0/29", "status"])
    assert isinstance(refused.exception, LabError)
    refused = CliRunner().invoke(app, ["--subnet", "banana", "status"])
    assert refused.exit_code == 2
    assert "banana" in refused.output
