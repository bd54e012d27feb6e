"""The JSON schemas that editors check settings files with, from the models themselves."""

from __future__ import annotations

import json
from typing import Any

from metal.settings.fleet_model import FleetModel
from metal.settings.inventory_model import InventoryModel
from metal.settings.load import FLEET_KEY

__all__ = ["KINDS", "json_schema", "schema_text"]

KINDS = ("fleet", "inventory", "stack")

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(kind: str) -> dict[str, Any]:
    """The schema of one kind of file.

    :param kind: `fleet` (an included file), `inventory`, or `stack` (`Pulumi.<stack>.yaml`).
    """
    if kind == "inventory":
        return {"$schema": _DIALECT, **_strict(InventoryModel.model_json_schema())}
    fleet = _strict(FleetModel.model_json_schema())
    if kind == "fleet":
        return {"$schema": _DIALECT, **fleet}
    if kind != "stack":
        raise ValueError(f"{kind}: no such kind of file; allowed: {', '.join(KINDS)}")
    definitions = fleet.pop("$defs")
    return {
        "$schema": _DIALECT,
        "title": "Pulumi.<stack>.yaml",
        "type": "object",
        "properties": {"config": {"type": "object", "properties": {FLEET_KEY: {"$ref": "#/$defs/FleetModel"}}}},
        "$defs": {**definitions, "FleetModel": fleet},
    }


def _strict(schema: Any) -> Any:
    """A map keyed by name takes nothing but names; pydantic leaves other keys open."""
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {key: _strict(value) for key, value in schema.items()}
    if "patternProperties" in strict:
        strict["additionalProperties"] = False
    return strict


def schema_text(kind: str) -> str:
    """The schema as its file holds it, stable from run to run."""
    return json.dumps(json_schema(kind), indent=2, sort_keys=True) + "\n"
