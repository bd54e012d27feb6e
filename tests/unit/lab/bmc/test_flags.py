"""Boot flags as the BMC's module writes them and the machine consumes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.bmc.flags import BootFlags, read_flags, write_flags


@pytest.mark.parametrize(
    ("data", "device", "persistent", "efi"),
    [
        ("8004000000", "pxe", False, False),
        ("c008000000", "disk", True, False),
        ("e004000000", "pxe", True, True),
        ("8014000000", "cdrom", False, False),
        ("8018000000", "setup", False, False),
        ("803c000000", "floppy", False, False),
        ("8024000000", "device 9", False, False),
    ],
)
def test_fields(data: str, device: str, persistent: bool, efi: bool) -> None:
    flags = BootFlags(bytes.fromhex(data))
    assert (flags.device, flags.persistent, flags.efi) == (device, persistent, efi)
    assert flags.valid(0)


def test_a_one_shot_loses_only_its_valid_bit() -> None:
    assert BootFlags(bytes.fromhex("a004000000"), expiry=60).consumed() == BootFlags(bytes.fromhex("2004000000"))


def test_a_lasting_one_stays_and_no_longer_expires() -> None:
    assert BootFlags(bytes.fromhex("c004000000"), expiry=60).consumed() == BootFlags(bytes.fromhex("c004000000"))


def test_the_valid_bit_ends_at_its_time() -> None:
    flags = BootFlags(bytes.fromhex("8004000000"), expiry=60)
    assert flags.valid(60)
    assert not flags.valid(60.1)


def test_a_file_round_trips_and_a_missing_one_means_default(tmp_path: Path) -> None:
    path = tmp_path / "bootflags"
    assert read_flags(path) == BootFlags()
    write_flags(path, BootFlags(bytes.fromhex("8004000000"), expiry=7))
    assert path.read_text() == "8004000000 7\n"
    assert read_flags(path) == BootFlags(bytes.fromhex("8004000000"), expiry=7)
