"""`metalswarm discover --inside`: what it takes, tells, writes, and ends with."""

from __future__ import annotations

import contextlib
import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli import discover, stack
from metal import site as site_module
from metal.discover import inside
from metal.discover.inside.judge import judge
from metal.discover.inside.look import Inside
from metal.discover.inside.sight import InsideSight, Lan, OwnBmc, Surroundings
from metal.errors import InputError, SettingsError
from metal.settings.fleet import Deadlines, DockerWish, Fleet, Limits, ReadyFloors
from metal.settings.load import load_inventory
from metal.settings.validate import validate_files

FLEET = Fleet("shop/prod", {}, {}, Limits(), Deadlines(), ReadyFloors(), DockerWish(), None)
AROUND = Surroundings(device="/dev/ipmi0", tool="/usr/bin/ipmitool", maker="ACME", product="Server 1")
FILE = """\
hosts:
  n1: {address: 10.77.1.11, bmc: none} # by the door
  n2: {address: 10.77.1.12, bmc: {address: 10.9.1.99, credentials: dell}}
  n3: {address: 10.77.1.13, bmc: {address: 10.9.1.13, credentials: dell}}
  n4: {address: 10.77.1.14, bmc: none}
"""
BARE = Surroundings(declared=False)


def at(address: str) -> InsideSight:
    return InsideSight(AROUND, bmc=OwnBmc(674, "4.40", lans=(Lan(1, address, "DHCP", "06:00:00:00:00:01", vlan=12),)))


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Runs the command in a project whose hosts look like this from inside."""
    (tmp_path / "Pulumi.yaml").touch()
    (tmp_path / "inventory").mkdir()
    file = tmp_path / "inventory" / "rack1.yaml"
    file.write_text(FILE)
    before = signal.getsignal(signal.SIGINT)
    monkeypatch.chdir(tmp_path / "inventory")
    asked: dict[str, Any] = {}

    def open_it(name: str | None) -> Any:
        asked["stack"] = name
        return FLEET, None, load_inventory({"inventory": ["inventory/rack1.yaml"]}, root=tmp_path)

    def run(sights: dict[str, InsideSight], *arguments: str) -> Any:
        def look(site: object, names: list[str], known: Any, *, port: int) -> Inside:
            asked.update(names=names, port=port)
            by_name = {each.host: each for each in known}
            return Inside(tuple(judge(by_name[name], each, known, port=port) for name, each in sights.items()), known)

        monkeypatch.setattr(stack, "open_stack_and_inventory", open_it)
        monkeypatch.setattr(site_module.Site, "open", lambda *args, folder, pins: contextlib.nullcontext("the site"))
        monkeypatch.setattr(inside, "look_inside", look)
        done = CliRunner().invoke(discover.app, ["--inside", *arguments])
        assert done.exception is None or isinstance(done.exception, SystemExit | SettingsError), done.exception
        return done

    run.asked, run.file = asked, file  # type: ignore[attr-defined]
    yield run
    signal.signal(signal.SIGINT, before)


@pytest.mark.demand("H3")
def test_told_first_and_written_when_that_is_said(project: Any) -> None:
    sights = {"n1": at("10.9.1.11"), "n2": at("10.9.1.12"), "n3": at("10.9.1.13"), "n4": InsideSight(BARE)}
    done = project(sights, "n1", "n2", "--stack", "prod", "--port", "6230")
    assert (done.exit_code, project.file.read_text()) == (1, FILE)
    assert project.asked == {"stack": "prod", "names": ["n1", "n2"], "port": 6230}
    row = next(line for line in done.stdout.splitlines() if line.startswith("n1 "))
    assert row.split() == ["n1", "found", "10.9.1.11", "DHCP", "06:00:00:00:00:01", "4.40", "ACME", "Server", "1"]
    assert (
        "n1: its BMC is at 10.9.1.11, and rack1.yaml has none\n  it speaks in VLAN 12\n"
        "  entry: bmc: {address: 10.9.1.11, protocol: ipmi, port: 6230}\n  cure: --update writes it there\n"
    ) in done.stdout
    assert "n3: its BMC is at 10.9.1.13, as in rack1.yaml" in done.stdout

    done = project(sights, "--update", "--port", "6230", "--credentials", "dell")
    assert done.exit_code == 0, done.output
    assert "n2: its BMC is at 10.9.1.12, and rack1.yaml has it at 10.9.1.99; changed there" in done.stdout
    entry = "{address: 10.9.1.11, protocol: ipmi, port: 6230, credentials: dell}"
    written = FILE.replace("n1: {address: 10.77.1.11, bmc: none}", f"n1: {{address: 10.77.1.11, bmc: {entry}}}")
    assert project.file.read_text() == written.replace("10.9.1.99", "10.9.1.12")
    assert validate_files([project.file])[0][0].says == "valid: an inventory of 4 hosts"

    again = project(sights, "--json")
    assert again.exit_code == 0
    document = json.loads(again.stdout)
    assert document["good"]
    assert [(each["host"], each["state"], each["verdict"]) for each in document["hosts"]] == [
        ("n1", "found", "known"),
        ("n2", "found", "known"),
        ("n3", "found", "known"),
        ("n4", "no BMC", None),
    ]
    assert document["hosts"][0]["lans"][0]["vlan"] == 12


def test_an_entry_without_credentials_is_not_written(project: Any) -> None:
    done = project({"n1": at("10.9.1.11")}, "--update")
    assert project.file.read_text() == FILE
    assert done.exit_code == 1
    words = "rack1.yaml: hosts.n1.bmc: has no credentials; allowed: credentials: <profile>"
    assert f"  not changed: {words}" in done.stdout
    assert words in json.loads(project({"n1": at("10.9.1.11")}, "--update", "--json").stdout)["refused"]["10.9.1.11"]


def test_what_is_for_ranges_is_refused(project: Any) -> None:
    done = project({}, "--write", "x.yaml", "--rate", "5")
    assert isinstance(done.exception, InputError)
    assert "--write: does not go with --inside; allowed: --update" in str(done.exception)
    assert "--rate: does not go with --inside" in str(done.exception)
    assert project.asked == {}


def test_without_a_range_there_is_nothing_to_look_at() -> None:
    done = CliRunner().invoke(discover.app, [])
    assert isinstance(done.exception, InputError)
    assert "RANGE: is empty" in str(done.exception)
