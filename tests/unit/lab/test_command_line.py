"""`metalswarm lab` where no lab is up."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.lab import app
from lab.api import Lab
from lab.errors import LabError
from lab.faults.kinds import KINDS
from lab.host import HostStatus
from lab.spec import LabSpec
from lab.standing import keep_standing, lab_file, read_standing


@pytest.fixture
def standing(tmp_path: Path) -> LabSpec:
    """A lab with a description of its own, that was made and is down."""
    spec = LabSpec(
        name="none", hosts=2, bmc_base=IPv4Address("127.250.0.0"), redfish_port=6443, directory=tmp_path / "none"
    )
    keep_standing(spec)
    return spec


@pytest.fixture
def metalswarm_lab(standing: LabSpec):
    """Names that lab by its folder and says nothing else of it."""

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["--directory", str(standing.directory), *arguments])

    return call


@pytest.mark.parametrize(
    "command",
    [
        "status",
        "status --json",
        "power n1 status",
        "power n1 off",
        "boot n1 pxe",
        "kill n1",
        "unplug n1",
        "plug n1",
        "cable n1 out",
        "fault n1 silent",
        "fault n1 --clear",
        "reset-counter n1",
        "down",
    ],
)
def test_a_name_alone_means_the_lab_as_it_was_made(command: str, standing: LabSpec, monkeypatch) -> None:
    """Else it would act on the standard addresses, where another lab's BMCs answer."""
    meant: list[LabSpec] = []

    def stop(spec: LabSpec, **how: object) -> None:
        meant.append(spec)
        raise LabError("nothing is done")

    monkeypatch.setattr(Lab, "from_spec", stop)
    monkeypatch.setattr("cli.lab._STANDARD", LabSpec(directory=standing.directory.with_name("lab")))
    CliRunner().invoke(app, ["--name", "none", *command.split()])
    assert meant == [standing]


@pytest.mark.parametrize("command", ["status", "power n1 off", "down"])
def test_options_that_a_standing_lab_was_not_made_with_are_refused(command: str, standing: LabSpec) -> None:
    where = ["--directory", str(standing.directory)]
    refused = CliRunner().invoke(app, [*where, "--hosts", "2", "--bmc-base", "127.0.2.0", *command.split()])
    assert refused.exit_code == 1
    told = str(refused.exception)
    assert f"another lab stands in {standing.directory}" in told
    assert "lab none was made with bmc_base 127.250.0.0 (asked for: 127.0.2.0)\n" in told
    assert "another lab stands" in str(CliRunner().invoke(app, [*where, "--name", "other", "status"]).exception)


def test_up_refuses_a_standing_lab_of_another_description(standing: LabSpec, monkeypatch) -> None:
    monkeypatch.setattr(Lab, "_refuse_without_root", staticmethod(lambda: None))
    monkeypatch.setattr(Lab, "_refuse_without_packages", staticmethod(lambda: None))
    monkeypatch.setattr(Lab, "_part_up", lambda *_: pytest.fail("something was built"))
    refused = CliRunner().invoke(app, ["--directory", str(standing.directory), "--name", "none", "up"])
    told = str(refused.exception)
    assert f"another lab stands in {standing.directory}" in told
    assert "hosts 2 (asked for: 6)" in told
    assert "redfish_port 6443 (asked for: 0)" in told
    assert read_standing(standing.directory) == standing


@pytest.mark.parametrize("command", ["status", "power n1 on", "fault n5 silent", "reset-counter n1"])
def test_a_lab_that_there_is_not_is_refused_with_those_that_stand(command: str, standing: LabSpec) -> None:
    keep_standing(replace(standing, name="blue", directory=standing.directory.with_name("blue")))
    refused = CliRunner().invoke(app, ["--directory", str(standing.directory.with_name("x")), *command.split()])
    assert refused.exit_code == 1
    assert f"labs in {standing.directory.parent}: blue, none" in str(refused.exception)
    assert not standing.directory.with_name("x").exists()


def test_a_description_that_cannot_be_read_is_no_lab_of_the_standard_kind(metalswarm_lab, standing: LabSpec) -> None:
    for broken in ("", "[]", '{"name": "none"}'):
        lab_file(standing.directory).write_text(broken)
        refused = metalswarm_lab("status")
        assert isinstance(refused.exception, LabError)
        assert f"{lab_file(standing.directory)} does not describe a lab" in str(refused.exception)


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
    refused = CliRunner().invoke(app, ["--name", "small", "--subnet", "10.77.0.0/29", "up"])
    assert isinstance(refused.exception, LabError)
    refused = CliRunner().invoke(app, ["--subnet", "banana", "up"])
    assert refused.exit_code == 2
    assert "banana" in refused.output


def test_bmcs_speak_redfish_where_a_port_is_given(tmp_path: Path, monkeypatch) -> None:
    made: list[int] = []
    monkeypatch.setattr(Lab, "up", lambda lab, parts: made.append(lab.host("n2").spec.redfish_port) or [])
    options = ["--directory", str(tmp_path / "none")]
    CliRunner().invoke(app, [*options, "up"])
    CliRunner().invoke(app, [*options, "--redfish-port", "6443", "up"])
    assert made == [0, 6443]
    assert CliRunner().invoke(app, [*options, "--redfish-port", "65536", "up"]).exit_code == 2


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
