"""Names that there are not, given to any command that takes one: exit code 2, and which there are."""

from __future__ import annotations

import signal
import sys

import pytest

from cli import stack
from cli.main import main
from lab.spec import LabSpec
from lab.standing import keep_standing
from metal.settings.credentials import Credentials
from metal.settings.names import natural
from tests.unit.small_fleet import small_fleet

HOSTS = "no such host in the inventory; allowed: n1, n2, "
LAB = "no such host in lab lab; allowed: n1 to n6"
CLUSTER = "CLUSTER = green: no such cluster in the settings; allowed: blue"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("doctor n99", f"HOST = n99: {HOSTS}"),
        ("doctor n1 n99 --json", f"HOST = n99: {HOSTS}"),
        ("bmc password n99 --to new", f"HOST = n99: {HOSTS}"),
        ("bmc password n99 --status", f"HOST = n99: {HOSTS}"),
        ("bmc password n99 --forget", f"HOST = n99: {HOSTS}"),
        ("bmc password --rack r9 --to new", "--rack = r9: no such rack with a host in a pool; allowed: "),
        ("bmc password n1", "one of --to PROFILE, --status, --forget is needed"),
        ("recover blue --dead n99", f"--dead = n99: {HOSTS}"),
        ("recover blue --manager n99", f"--manager = n99: {HOSTS}"),
        ("recover green", CLUSTER),
        ("backup green", CLUSTER),
        ("restore green file", CLUSTER),
        ("context green", CLUSTER),
        ("discover 0.0.0.0/0", "RANGE = 0.0.0.0/0: is 4294967294 addresses; allowed: at most 65536"),
        ("lab power n99 on", f"HOST = n99: {LAB}"),
        ("lab boot n99 pxe", f"HOST = n99: {LAB}"),
        ("lab kill n99", f"HOST = n99: {LAB}"),
        ("lab plug n99", f"HOST = n99: {LAB}"),
        ("lab unplug n99", f"HOST = n99: {LAB}"),
        ("lab cable n99 out", f"HOST = n99: {LAB}"),
        ("lab fault n99 silent", f"HOST = n99: {LAB}"),
        ("lab fault n1 gremlins", "KIND = gremlins: no such fault; allowed: udp-loss, "),
        ("lab reset-counter n99", f"HOST = n99: {LAB}"),
    ],
)
def test_a_name_that_there_is_not_ends_with_2_and_names_those_that_there_are(
    command: str, words: str, tmp_path, monkeypatch, capsys
) -> None:
    fleet = small_fleet(tmp_path)
    (tmp_path / "Pulumi.yaml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(stack, "open_stack", lambda name: (fleet, Credentials.from_config({}, {})))
    monkeypatch.setattr("cli.context.open_stack", lambda name: (fleet, Credentials.from_config({}, {})))
    keep_standing(LabSpec(directory=tmp_path / "lab"))
    monkeypatch.setattr("cli.lab._STANDARD", LabSpec(directory=tmp_path / "lab"))
    monkeypatch.setattr(sys, "argv", ["metalswarm", *command.split()])
    before = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(SystemExit) as end:
            main()
    finally:
        signal.signal(signal.SIGINT, before)
    told = capsys.readouterr().err
    assert (end.value.code, words in told) == (2, True), told
    assert "Traceback" not in told


def test_names_are_sorted_as_a_person_counts() -> None:
    assert sorted(["n10", "n2", "n1"], key=natural) == ["n1", "n2", "n10"]
