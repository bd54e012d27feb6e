"""`metalswarm lab` where no lab is up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.lab import app
from lab.api import Lab
from lab.errors import LabError
from lab.faults.kinds import KINDS
from lab.host import HostStatus


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


@pytest.mark.parametrize("columns", ["80", None])
def test_the_table_is_whole_where_there_is_little_room_or_no_terminal(metalswarm_lab, monkeypatch, columns) -> None:
    rows = [
        HostStatus("n1", "10.77.0.11", "127.0.2.1:6230", True, True, True, "pxe (lasting)", "install refused", 12, 2),
        HostStatus(
            "n2", "10.77.0.12", "127.0.2.2:6230", False, True, False, "default", "", 0, 0, ("silent (struck 3x)",)
        ),
    ]
    monkeypatch.setattr(Lab, "status", lambda lab: rows)
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
        monkeypatch.setattr("cli.lab._NO_TERMINAL", None)
    shown = metalswarm_lab("status").stdout
    assert "…" not in shown
    assert all(len(line) <= int(columns or 160) for line in shown.splitlines())
    words = ("10.77.0.12", "127.0.2.1:6230", "pxe", "(lasting)", "refused", "unclaimed)", "last start", "installs")
    assert [word for word in words if word not in shown] == []
    assert shown.splitlines()[-1] == "n2: fault silent (struck 3x)"


def test_a_fault_that_nobody_counts_says_so(metalswarm_lab) -> None:
    metalswarm_lab("fault", "n1", "clock-skew", "--for", "60")
    metalswarm_lab("fault", "n1", "wrong-password")
    assert metalswarm_lab("status").stdout.splitlines()[-2:] == [
        "n1: fault clock-skew (in force until cleared, strikes are not counted)",
        "n1: fault wrong-password (struck 0x)",
    ]


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


def test_bmcs_speak_redfish_where_a_port_is_given(metalswarm_lab, monkeypatch) -> None:
    made: list[int] = []
    monkeypatch.setattr(Lab, "status", lambda lab: made.append(lab.host("n2").spec.redfish_port) or ())
    metalswarm_lab("status", "--json")
    metalswarm_lab("--redfish-port", "6443", "status", "--json")
    assert made == [0, 6443]
    assert metalswarm_lab("--redfish-port", "65536", "status").exit_code == 2


def test_faults_are_armed_listed_and_cleared_on_a_host_that_is_off(metalswarm_lab) -> None:
    armed = metalswarm_lab("fault", "n1", "network-boot-ignored", "--count", "2")
    assert "n1: armed network-boot-ignored (struck 0x, 2 left)" in armed.output
    metalswarm_lab("fault", "n1", "udp-loss", "--chance", "0.5", "--for", "600")
    (row, other) = json.loads(metalswarm_lab("status", "--json").stdout)
    assert [text.partition(" ")[0] for text in row["faults"]] == ["network-boot-ignored", "udp-loss"]
    assert other["faults"] == []
    assert "cleared network-boot-ignored" in metalswarm_lab("fault", "n1", "network-boot-ignored", "--clear").output
    assert "cleared udp-loss" in metalswarm_lab("fault", "n1", "--clear").output
    assert "no faults" in metalswarm_lab("fault", "n1", "--clear").output


def test_faults_that_there_are_not_are_refused_with_those_that_there_are(metalswarm_lab) -> None:
    assert "allowed: udp-loss" in str(metalswarm_lab("fault", "n1", "gremlins").exception)
    assert "armed: none" in str(metalswarm_lab("fault", "n1", "silent", "--clear").exception)
    assert metalswarm_lab("fault", "n1").exit_code == 2


def test_the_help_lists_every_kind_with_what_its_numbers_mean(metalswarm_lab) -> None:
    told = " ".join(metalswarm_lab("fault", "--help").output.replace("│", " ").split())
    for kind in KINDS:
        assert f"{kind.name}: {kind.meaning}." in told
