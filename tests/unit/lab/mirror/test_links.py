from __future__ import annotations

from pathlib import Path

from lab.mirror.links import put_link


def test_a_link_is_changed_in_one_move_also_after_one_that_was_cut_short(tmp_path: Path) -> None:
    one, two, place = tmp_path / "one", tmp_path / "two", tmp_path / "debian"
    for folder in (one, two):
        folder.mkdir()
    put_link(place, one)
    assert place.resolve() == one
    (tmp_path / "debian.new").symlink_to(one)
    put_link(place, two)
    assert place.resolve() == two
    assert sorted(path.name for path in tmp_path.iterdir()) == ["debian", "one", "two"]
