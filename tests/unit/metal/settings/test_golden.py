"""Settings folders against what comes of them: every problem, or the resolved fleet."""

import dataclasses
import json
from pathlib import Path

import pytest
import yaml

from metal.errors import SettingsError
from metal.settings import load_fleet

CASES = Path(__file__).parents[3] / "golden" / "settings"


def come_of(folder: Path) -> tuple[str, str]:
    document = yaml.safe_load((folder / "fleet.yaml").read_text(encoding="utf-8").replace(": off", ": 'off'"))
    try:
        fleet = load_fleet(document, root=folder, owner="metalswarm/test")
    except SettingsError as error:
        return "expect.txt", "\n".join(error.problems) + "\n"
    return "expect.json", json.dumps(dataclasses.asdict(fleet), indent=2) + "\n"


@pytest.mark.parametrize("folder", sorted(CASES.iterdir()), ids=lambda folder: folder.name)
def test_case(folder: Path) -> None:
    name, text = come_of(folder)
    assert text == (folder / name).read_text(encoding="utf-8")
