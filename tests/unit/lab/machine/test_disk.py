"""A disk's install counter and what counts as a whole, claimed system."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.machine.disk import MachineDisk
from lab.machine.firmware import Disk


@pytest.fixture
def image(tmp_path: Path) -> Path:
    (tmp_path / "image").mkdir()
    return tmp_path / "image"


@pytest.fixture
def disk(tmp_path: Path) -> MachineDisk:
    return MachineDisk(tmp_path)


def claim(tmp_path: Path) -> None:
    marker = tmp_path / "disk/upper/var/lib/metalswarm/marker.json"
    marker.parent.mkdir(parents=True)
    marker.write_text("{}")


def test_a_new_machine_has_a_blank_disk(disk: MachineDisk) -> None:
    assert disk.observe() == Disk(installed=False, claimed=False, unclaimed=0)


def test_an_install_that_was_cut_short_is_no_system_but_counts(disk: MachineDisk) -> None:
    disk.wipe()
    assert disk.observe() == Disk(installed=False, claimed=False, unclaimed=1)


def test_unclaimed_installs_add_up_until_one_is_claimed(disk: MachineDisk, tmp_path: Path, image: Path) -> None:
    for count in (1, 2):
        disk.wipe()
        disk.finish(image)
        assert disk.observe() == Disk(installed=True, claimed=False, unclaimed=count)
    claim(tmp_path)
    assert disk.observe() == Disk(installed=True, claimed=True, unclaimed=0)
    disk.wipe()
    assert disk.observe() == Disk(installed=False, claimed=False, unclaimed=1)
    assert disk.installs() == 3


def test_a_claim_that_was_given_up_still_counts(disk: MachineDisk, tmp_path: Path, image: Path) -> None:
    disk.wipe()
    disk.finish(image)
    claim(tmp_path)
    (tmp_path / "disk/upper/var/lib/metalswarm/marker.json").unlink()
    assert disk.observe().claimed


def test_the_counter_can_be_reset_without_forgetting_the_total(disk: MachineDisk) -> None:
    disk.wipe()
    disk.wipe()
    disk.reset_counter()
    assert disk.observe().unclaimed == 0
    assert disk.installs() == 2


def test_a_wipe_leaves_nothing_of_the_old_system(disk: MachineDisk, tmp_path: Path, image: Path) -> None:
    disk.wipe()
    (tmp_path / "disk/upper/etc").mkdir()
    (tmp_path / "disk/docker/swarm").mkdir()
    disk.finish(image)
    disk.wipe()
    assert sorted(path.name for path in (tmp_path / "disk").rglob("*")) == ["containerd", "docker", "upper", "work"]
    assert not (tmp_path / "disk.old").exists()


def test_a_system_whose_image_is_gone_is_none(disk: MachineDisk, image: Path) -> None:
    disk.wipe()
    disk.finish(image)
    image.rmdir()
    assert not disk.observe().installed
