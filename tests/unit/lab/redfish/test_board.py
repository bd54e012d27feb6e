"""The lab's Redfish drives the files that its IPMI does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab.bmc.flags import BootFlags, read_flags, write_flags
from lab.bmc.restore import read_restore, write_restore
from lab.process import ProcessId
from lab.redfish.board import WiredBoard


@pytest.fixture
def board(tmp_path: Path) -> WiredBoard:
    return WiredBoard(tmp_path, tmp_path / "bootflags", tmp_path / "restore")


@pytest.mark.parametrize(
    ("override", "flags"),
    [
        (("Once", "Pxe", "Legacy"), "8004000000"),
        (("Continuous", "Hdd", "UEFI"), "e008000000"),
        (("Disabled", "None", "Legacy"), "0000000000"),
    ],
)
def test_an_override_is_the_boot_flags_that_ipmi_sets(board: WiredBoard, override: tuple[str, ...], flags: str) -> None:
    keys = ("BootSourceOverrideEnabled", "BootSourceOverrideTarget", "BootSourceOverrideMode")
    board.set_boot(dict(zip(keys, override, strict=True)))
    assert read_flags(board.flags).data.hex() == flags
    assert tuple(board.boot()[key] for key in keys) == override


def test_flags_that_a_boot_has_used_up_are_no_override(board: WiredBoard) -> None:
    write_flags(board.flags, BootFlags(bytes.fromhex("8004000000")).consumed())
    assert board.boot()["BootSourceOverrideEnabled"] == "Disabled"


def test_a_restore_policy_is_the_number_that_ipmi_sets(board: WiredBoard) -> None:
    assert board.restore() == "AlwaysOff"
    for number, word in enumerate(("AlwaysOff", "LastState", "AlwaysOn")):
        board.set_restore(word)
        assert read_restore(board.policy) == number
        write_restore(board.policy, 2 - number)
        assert board.restore() == ("AlwaysOn", "LastState", "AlwaysOff")[number]


def test_power_is_the_process_that_the_machine_is(board: WiredBoard, tmp_path: Path) -> None:
    assert board.power() == "Off"
    me = ProcessId.of(os.getpid())
    assert me
    (tmp_path / "power").write_text(f"{me.pid} {me.started}\n")
    assert board.power() == "On"
