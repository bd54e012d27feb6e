"""From a stack's document to the resolved fleet, or to one error that lists every problem."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metal.settings.checks import check
from metal.settings.documents import read_yaml
from metal.settings.fleet import Fleet
from metal.settings.intent import read_intent, with_includes
from metal.settings.inventory import Inventory, read_inventory
from metal.settings.problems import Problems
from metal.settings.resolve import resolve

__all__ = ["FLEET_KEY", "load_fleet", "load_inventory", "load_stack_file"]

FLEET_KEY = "metalswarm:fleet"


def load_fleet(document: Mapping[str, Any], *, root: Path, owner: str) -> Fleet:
    """Read includes and inventory files, merge, validate everything, resolve.

    :param document: the value of `metalswarm:fleet`.
    :param root: the project's folder; the document's paths start there.
    :param owner: `project/stack`.
    :raises SettingsError: with every problem found.
    """
    problems = Problems()
    if not isinstance(document, Mapping):
        problems.add(FLEET_KEY, "is of the wrong kind", "the fleet document, a map")
        problems.raise_if_any()
    merged = with_includes(document, root, problems)
    if problems.lines:
        # What an included file holds is missing everywhere; only what stands by itself is still looked at.
        read_inventory(_named_inventory(document), root, problems)
        problems.raise_if_any()
    intent = read_intent(merged, problems)
    if intent.inventory == []:
        problems.add("inventory", "is missing", "a list of inventory files")
    inventory = read_inventory(intent.inventory or [], root, problems)
    if intent.inventory and inventory.complete and not inventory.files:
        problems.add("inventory", "names no host at all", "files with hosts: {<name>: ...}", value=intent.inventory)
    # Of a host that stands in a file that is missing, every place that names it would be a problem of its own.
    if inventory.complete and inventory.files:
        check(intent, inventory, problems)
    problems.raise_if_any()
    return resolve(intent, inventory, owner)


def load_inventory(document: Mapping[str, Any], *, root: Path) -> Inventory:
    """The inventory alone, with the file of each host; of a document that :func:`load_fleet` takes.

    :raises SettingsError: with every problem found.
    """
    problems = Problems()
    intent = read_intent(with_includes(document, root, problems), problems)
    inventory = read_inventory(intent.inventory or [], root, problems)
    problems.raise_if_any()
    return inventory


def load_stack_file(path: Path, *, root: Path, owner: str) -> Fleet:
    """The same for a `Pulumi.<stack>.yaml`, without the Pulumi engine.

    :raises SettingsError: with every problem found.
    """
    problems = Problems()
    data = read_yaml(path, path.name, problems)
    problems.raise_if_any()
    config = (data or {}).get("config")
    document = config.get(FLEET_KEY) if isinstance(config, Mapping) else None
    if not isinstance(document, Mapping):
        problems.add(f"config.{FLEET_KEY}", "is missing", "the fleet document, a map", file=path.name)
        problems.raise_if_any()
    assert isinstance(document, Mapping)
    return load_fleet(document, root=root, owner=owner)


def _named_inventory(document: Mapping[str, Any]) -> list[str]:
    names = document.get("inventory")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
