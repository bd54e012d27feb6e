"""A ledger that cannot be used at all is told before anybody is asked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from metal.errors import SettingsError
from metal.ledger_access import check_ledger


def test_a_ledger_that_is_not_there_yet_and_one_that_is_are_well_and_nothing_is_made(tmp_path: Path) -> None:
    check_ledger(tmp_path / "a" / "ledger" / "shop.dev")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "bmc").mkdir()
    check_ledger(tmp_path)


def test_a_file_in_its_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "bmc").write_text("")
    with pytest.raises(SettingsError, match=r"bmc: is no folder"):
        check_ledger(tmp_path)


def test_a_folder_of_somebody_else_is_named_with_what_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests may run as root, who may write everywhere: the kernel's answer to others is put in its place."""
    (tmp_path / "bmc").mkdir()
    allowed = os.access

    def access(path: Path, mode: int, **how: bool) -> bool:
        return path != tmp_path / "bmc" and allowed(path, mode)

    monkeypatch.setattr(os, "access", access)
    with pytest.raises(SettingsError) as caught:
        check_ledger(tmp_path)
    assert f"{tmp_path / 'bmc'}: cannot be read and written" in str(caught.value)
    assert f"uid {os.geteuid()}" in str(caught.value.next_step)
