"""Maps keyed by name, read entry by entry, so that one wrong entry hides no other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel

from metal.settings.inventory_model import Model
from metal.settings.problems import Path, Problems
from metal.settings.values import Name

__all__ = ["read_entries", "read_section"]

M = TypeVar("M", bound=BaseModel)


class _Named(Model):
    name: Name


def read_section(
    model: type[M], data: Mapping[str, Any], path: Path, problems: Problems, file: str | None = None
) -> M | None:
    """The map under the last key of `path`; an absent one is empty, None stands for a wrong one."""
    raw = data.get(str(path[-1]))
    return problems.read(model, {} if raw is None else raw, path, file=file)


def read_entries(
    model: type[M], data: Mapping[str, Any], section: str, problems: Problems, file: str | None = None
) -> dict[str, M | None]:
    """The entries of a section, None for each that is wrong."""
    raw = data.get(section)
    if raw is not None and not isinstance(raw, Mapping):
        problems.add((section,), "is of the wrong kind", "a map keyed by name", value=raw, file=file)
        return {}
    entries: dict[str, M | None] = {}
    for name, entry in (raw or {}).items():
        if not isinstance(name, str):
            problems.add(
                (section, str(name)), "is not a name", "a name in quotes where it looks like a number", file=file
            )
            continue
        sound = problems.read(_Named, {"name": name}, (section,), file=file)
        model_or_none = problems.read(model, {} if entry is None else entry, (section, name), file=file)
        entries[name] = model_or_none if sound else None
    return entries
