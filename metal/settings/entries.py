"""Maps keyed by name, read entry by entry, so that one wrong entry hides no other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from metal.settings.problems import Path, Problems
from metal.settings.values import Name

__all__ = ["read_entries", "read_section"]

M = TypeVar("M", bound=BaseModel)


_NAME: TypeAdapter[str] = TypeAdapter(Name)


def read_section(
    model: type[M], data: Mapping[str, Any], path: Path, problems: Problems, file: str | None = None
) -> M | None:
    """The map under the last key of `path`; an absent one is empty, None stands for a wrong one."""
    raw = data.get(str(path[-1]))
    return problems.read(model, {} if raw is None else raw, path, file=file)


def read_entries(
    model: type[M],
    data: Mapping[str, Any],
    section: str,
    problems: Problems,
    file: str | None = None,
    *,
    partly: bool = False,
) -> dict[str, M | None]:
    """The entries of a section, None for each that is wrong.

    :param partly: keep a wrong entry without its wrong keys, so that the others are still checked; only for a model
        whose defaults cannot cause a problem of their own.
    """
    raw = data.get(section)
    if raw is not None and not isinstance(raw, Mapping):
        problems.add((section,), "is of the wrong kind", "a map keyed by name", value=raw, file=file)
        return {}
    entries: dict[str, M | None] = {}
    for name, entry in (raw or {}).items():
        path: Path = (section, str(name))
        if not isinstance(name, str):
            problems.add(path, "is not a name", "a name in quotes where it looks like a number", file=file)
            continue
        try:
            _NAME.validate_python(name)
        except ValidationError as error:
            problems.add(path, error.errors()[0]["msg"], file=file)
        content = {} if entry is None else entry
        entries[name] = problems.read(model, content, path, file=file) or (
            _sound_part(model, content) if partly else None
        )
    return entries


def _sound_part(model: type[M], raw: Any) -> M | None:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        wrong = {detail["loc"][0] for detail in error.errors() if detail["loc"]}
    try:
        return model.model_validate({key: value for key, value in raw.items() if key not in wrong})
    except (ValidationError, AttributeError):
        return None
