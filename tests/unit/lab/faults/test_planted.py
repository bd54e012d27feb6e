"""Units that play a fault in a system: in it when they are wanted, gone without a trace when not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lab.faults.kinds import KINDS, Player
from lab.faults.planted import Plant, plant_into, plant_script, plants
from lab.faults.rule import Fault

SYSTEM = [kind for kind in KINDS if kind.player is Player.SYSTEM]


def planted(*names: str) -> tuple[Plant, ...]:
    return plants([Fault(1, kind.name, kind.rules(), 0) for kind in SYSTEM if not names or kind.name in names])


def test_each_kind_has_one() -> None:
    assert len({plant.unit for plant in planted()}) == len(SYSTEM) == 6


def test_what_is_wanted_no_more_leaves_nothing(tmp_path: Path) -> None:
    plant_into(tmp_path, planted("clock-skew", "docker-restart"), planted())
    assert (tmp_path / "usr/local/bin/date").stat().st_mode & 0o111
    wants = tmp_path / "etc/systemd/system"
    assert (wants / "multi-user.target.wants/lab-fault-clock-skew.service").is_symlink()
    assert (wants / "paths.target.wants/lab-fault-docker-restart.path").is_symlink()
    plant_into(tmp_path, planted("docker-restart"), planted())
    assert not list(tmp_path.rglob("*skew*"))
    plant_into(tmp_path, (), planted())
    assert [path for path in tmp_path.rglob("*") if not path.is_dir()] == []


@pytest.mark.parametrize("plant", planted(), ids=lambda plant: plant.unit)
@pytest.mark.parametrize("wanted", [True, False])
def test_scripts_are_shell(plant: Plant, wanted: bool) -> None:
    texts = [plant_script(plant, wanted=wanted)]
    texts += [text for name, (text, _) in plant.files.items() if not name.startswith("etc/systemd")]
    for text in texts:
        done = subprocess.run(["sh", "-n"], input=text, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
