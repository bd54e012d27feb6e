"""Settings in the documents: snippets are accepted, tables name every key and the program's own defaults."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from metal.settings.fleet import Deadlines
from metal.settings.fleet_model import ClusterModel, FleetModel, PoolModel
from metal.settings.inventory_model import HostModel, InventoryModel
from metal.settings.validate import validate_files
from tests.unit.docs.markdown import CHECKOUT, Document, documents

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBYWDaj73lhUnC/S10CIBX0xbcPUJ04nxiSPfw2JH+xg"
FRAGMENTS = {"clusters", "pools", "ready"}

SNIPPETS = [
    pytest.param(yaml.safe_load(_block), id=f"{_document.path.name}-{_number}")
    for _document in documents()
    for _number, _block in enumerate(block.text for block in _document.blocks if block.language == "yaml")
]


@pytest.fixture(scope="module")
def settings() -> Document:
    path = CHECKOUT / "docs" / "settings.md"
    return Document(path, path.read_text(encoding="utf-8"))


def test_there_are_snippets() -> None:
    assert len(SNIPPETS) >= 4


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_a_snippet_is_accepted(snippet: dict[str, Any], tmp_path: Path) -> None:
    whole = _filled(snippet)
    if set(whole) <= FRAGMENTS:
        FleetModel.model_validate(whole)
    else:
        (tmp_path / "inventory.yaml").write_text(yaml.safe_dump(whole))
        ((checked,), _) = validate_files([tmp_path / "inventory.yaml"], root=tmp_path)
        assert checked.says.startswith("valid: an inventory")


def _filled(value: Any) -> Any:
    """Dots that stand for a long value, filled in."""
    if isinstance(value, dict):
        return {key: "0" * 64 if key == "sha256" else _filled(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner) for inner in value]
    return {"ssh-ed25519 AAAA...": HOST_KEY, "https://...": "https://mirror.example.net/a"}.get(value, value)


def _keys(document: Document, head: str) -> set[str]:
    """The keys in the first column of the table whose head begins with `head`."""
    _, _, rest = document.text.partition(f"\n{head}")
    rows = rest.split("\n\n", 1)[0].splitlines()[2:]
    return {key for row in rows for key in re.findall(r"`([a-z_0-9]+)`", row.split("|")[1])}


def _fields(model: type[BaseModel]) -> set[str]:
    return set(model.model_fields)


def test_the_table_of_hosts_is_whole(settings: Document) -> None:
    assert _keys(settings, "| key of a host |") == _fields(HostModel)


def test_the_table_of_the_stack_file_is_whole(settings: Document) -> None:
    assert _keys(settings, "| key | holds |") == _fields(FleetModel)


@pytest.mark.parametrize(
    ("heading", "model"),
    [("### Pools", PoolModel), ("### Clusters", ClusterModel), ("## Inventory file", InventoryModel)],
)
def test_every_key_is_in_its_section(settings: Document, heading: str, model: type[BaseModel]) -> None:
    section = settings.section(heading)
    missing = [key for key in _fields(model) if not re.search(rf"\b{key}\b", section)]
    assert not missing, f"{heading}: {missing}"


def test_deadlines_are_told_as_they_are(settings: Document) -> None:
    row = next(line for line in settings.text.splitlines() if line.startswith("| `deadlines` |"))
    told = {name: float(seconds) for name, seconds in re.findall(r"`([a-z]+)` (\d+)", row)}
    assert told == {name: getattr(Deadlines(), name) for name in Deadlines.__dataclass_fields__}
