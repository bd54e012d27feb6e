"""Settings files checked without an engine: each by itself, and stacks against one another."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from metal.errors import SettingsError
from metal.settings.claims import claimed_twice
from metal.settings.documents import read_yaml
from metal.settings.fleet import Fleet
from metal.settings.fleet_model import FleetModel, HostIntent
from metal.settings.intent import read_intent, with_includes
from metal.settings.inventory import read_inventory
from metal.settings.inventory_model import InventoryModel
from metal.settings.load import FLEET_KEY, load_stack_file
from metal.settings.problems import Problems

__all__ = ["Checked", "FileKind", "kind_of", "validate_files"]


_STACK_NAME = re.compile(r"Pulumi\..+\.ya?ml")
_KINDS = (
    "an inventory, with hosts; a file to include, with clusters, pools or other sections; "
    f"or a stack file, with {FLEET_KEY} under config"
)


class FileKind(StrEnum):
    STACK = "stack file"
    INCLUDE = "included file"
    INVENTORY = "inventory"


@dataclass(frozen=True)
class Checked:
    """One file.

    :ivar says: what it holds, in a few words; empty where it is wrong.
    :ivar error: what is wrong with it; None where it is right.
    :ivar fleet: the resolved fleet of a stack file that is right.
    """

    path: Path
    says: str = ""
    error: SettingsError | None = None
    fleet: Fleet | None = None


def validate_files(paths: Iterable[Path], *, root: Path | None = None) -> tuple[tuple[Checked, ...], tuple[str, ...]]:
    """Check stack files, files that they include, and inventory files.

    :param root: the project's folder; None takes the nearest one above each file that has a `Pulumi.yaml`.
    :returns: each file by itself, and a line for every host that two of the stacks claim.
    """
    checked = tuple(_check(path, root or _project_of(path)) for path in dict.fromkeys(paths))
    stacks = {str(each.path): each.fleet for each in checked if each.fleet is not None}
    return checked, claimed_twice(stacks)


def kind_of(data: Mapping[str, Any]) -> FileKind:
    """What a settings file is, by its keys; `hosts` alone is in an inventory and in an included file."""
    if "config" in data:
        return FileKind.STACK
    inventory, fleet = set(InventoryModel.model_fields), set(FleetModel.model_fields)
    if (fleet - inventory) & data.keys():
        return FileKind.INCLUDE
    if (inventory - fleet) & data.keys():
        return FileKind.INVENTORY
    hosts = data.get("hosts")
    entries = [entry for entry in hosts.values() if isinstance(entry, Mapping)] if isinstance(hosts, Mapping) else []
    keys = {str(key) for entry in entries for key in entry}
    return FileKind.INCLUDE if keys and keys <= set(HostIntent.model_fields) else FileKind.INVENTORY


def _check(path: Path, root: Path) -> Checked:
    problems = Problems()
    try:
        data = read_yaml(path, path.name, problems) or {}
        problems.raise_if_any()
        kind = FileKind.STACK if _STACK_NAME.fullmatch(path.name) else kind_of(data)
        if not data and kind is not FileKind.STACK:
            problems.add("", "holds nothing", _KINDS, file=path.name)
            problems.raise_if_any()
        if kind is FileKind.STACK:
            fleet = load_stack_file(path, root=root, owner=f"{root.resolve().name}/{path.stem.removeprefix('Pulumi.')}")
            return Checked(path, _of_stack(fleet), fleet=fleet)
        if kind is FileKind.INCLUDE:
            merged = with_includes({"include": [path.name]}, path.parent, problems)
            intent = read_intent(merged, problems)
            problems.raise_if_any()
            return Checked(path, f"valid by itself: to be included, with {_sections(merged, len(intent.pools))}")
        inventory = read_inventory([path.name], path.parent, problems)
        problems.raise_if_any()
    except SettingsError as error:
        return Checked(path, error=error)
    return Checked(path, f"valid: an inventory of {len(inventory.facts)} hosts")


def _of_stack(fleet: Fleet) -> str:
    return (
        f"valid: {len(fleet.hosts)} hosts in pools, {len(fleet.unmanaged)} unmanaged, "
        f"clusters {', '.join(fleet.clusters) or 'none'}"
    )


def _sections(merged: Mapping[str, Any], pools: int) -> str:
    names: Sequence[str] = sorted(merged)
    return (", ".join(names) or "nothing") + (f" ({pools} pools)" if pools else "")


def _project_of(path: Path) -> Path:
    folder = path.resolve().parent
    return next((above for above in (folder, *folder.parents) if (above / "Pulumi.yaml").is_file()), folder)
