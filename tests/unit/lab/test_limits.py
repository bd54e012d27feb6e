"""The machine's limit goes up with the first lab and back with the last."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.limits import ensure_limits, restore_limits


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    setting = tmp_path / "max_user_instances"
    setting.write_text("128\n")
    return {"setting": setting, "record": tmp_path / "limits"}


def value(places: dict[str, Path]) -> int:
    return int(places["setting"].read_text())


def test_raised_once_and_restored_with_the_last_lab(places: dict[str, Path]) -> None:
    assert ensure_limits("one", **places)
    assert value(places) > 128
    assert not ensure_limits("two", **places)
    assert not ensure_limits("two", **places)
    assert not restore_limits("one", **places)
    assert value(places) > 128
    assert restore_limits("two", **places)
    assert value(places) == 128
    assert not list(places["record"].parent.glob("limits*"))


def test_restoring_nothing_changes_nothing(places: dict[str, Path]) -> None:
    assert not restore_limits("one", **places)
    assert value(places) == 128


def test_a_machine_with_room_is_left_alone(places: dict[str, Path]) -> None:
    places["setting"].write_text("65536\n")
    assert not ensure_limits("one", **places)
    assert not restore_limits("one", **places)
    assert value(places) == 65536


def test_a_value_that_somebody_set_meanwhile_stays(places: dict[str, Path]) -> None:
    ensure_limits("one", **places)
    places["setting"].write_text("999\n")
    assert not restore_limits("one", **places)
    assert value(places) == 999


def test_killed_between_the_record_and_the_change(places: dict[str, Path]) -> None:
    places["record"].mkdir()
    (places["record"] / "previous").write_text("128\n")
    (places["record"] / "lab-one").touch()
    assert ensure_limits("one", **places)
    assert restore_limits("one", **places)
    assert value(places) == 128
