"""Collecting everything that is wrong with the settings, one line each: path, value, what is wrong, what is allowed."""

from __future__ import annotations

import difflib
import json
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from metal.errors import SettingsError

__all__ = ["Path", "Problems", "problem"]

M = TypeVar("M", bound=BaseModel)

_SHOWN = 60

# People write passwords and keys where the name of a profile belongs; these values are never shown.
_SECRETIVE = ("credentials", "key")

_ALLOWED = {
    "bool_type": "true or false",
    "dict_type": "a map",
    "float_type": "a number",
    "int_from_float": "a whole number",
    "int_type": "a whole number",
    "list_type": "a list",
    "mapping_type": "a map",
    "model_type": "a map",
    "model_attributes_type": "a map",
    "string_type": "text (in quotes where it looks like a number)",
}

Path = tuple[str | int, ...]


def problem(what: str, allowed: str, *, shown: bool = True) -> PydanticCustomError:
    """The error that a field's validator raises; `what` reads on from the value ("is not ...").

    :param shown: False for a value that may hold a secret.
    """
    kind = "metalswarm" if shown else "metalswarm_hidden"
    return PydanticCustomError(kind, "{what}; allowed: {allowed}", {"what": what, "allowed": allowed})


class Problems:
    """A growing list of lines; raised as one error at the end.

    :ivar origin: the included file that a path of the merged document comes from, None for the document itself.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.origin: Callable[[Path], str | None] = lambda path: None

    def add(
        self, path: str | Path, what: str, allowed: str | None = None, *, value: Any = ..., file: str | None = None
    ) -> None:
        """Add one line.

        :param file: prefix for what is not in the stack's own document.
        """
        shown = path if isinstance(path, str) else spell(path)
        if file is None:
            file = self.origin((path,) if isinstance(path, str) else path)
        line = f"{file}: {shown}" if file and shown else (file or shown)
        # A map is not shown: a key that does not belong in it may hold a password.
        if value is not ... and not isinstance(value, Mapping):
            line += f" = {_show(path, value)}"
        line += f": {what}"
        if allowed:
            line += f"; allowed: {allowed}"
        if line not in self.lines:
            self.lines.append(line)

    def unknown(self, path: str | Path, name: str, known: Iterable[str], kind: str, *, file: str | None = None) -> None:
        """Add the line for a name that refers to nothing, with the nearest known one."""
        names = sorted(known)
        self.add(path, f"no such {kind}{_nearest(name, names)}", _list(names), value=name, file=file)

    def read(self, model: type[M], raw: Any, path: Path, *, file: str | None = None) -> M | None:
        """Validate `raw`, or add a line for everything wrong with it and return None."""
        try:
            return model.model_validate(raw)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                self._explain(model, path, detail, file)
            return None

    def raise_if_any(self) -> None:
        """:raises SettingsError: when there is a line."""
        if self.lines:
            raise SettingsError(self.lines)

    def _explain(self, model: type[BaseModel], path: Path, detail: ErrorDetails, file: str | None) -> None:
        where = path + tuple(part for part in detail["loc"] if part != "[key]")
        kind = detail["type"]
        if kind == "extra_forbidden":
            # Without its value: an unknown key may well be a password.
            names = sorted(_keys_at(model, detail["loc"][:-1]))
            self.add(where, f"unknown key{_nearest(str(detail['loc'][-1]), names)}", _list(names), file=file)
        elif kind == "missing":
            self.add(where, "is missing", file=file)
        elif kind == "metalswarm":
            self.add(where, detail["msg"], value=detail["input"], file=file)
        elif kind == "metalswarm_hidden":
            self.add(where, detail["msg"], file=file)
        elif kind == "enum":
            self.add(where, "is none of the choices", detail["ctx"]["expected"], value=detail["input"], file=file)
        elif kind in ("greater_than_equal", "less_than_equal"):
            bound = "at least {ge}" if "ge" in detail["ctx"] else "at most {le}"
            self.add(where, "is out of range", bound.format(**detail["ctx"]), value=detail["input"], file=file)
        elif kind == "string_pattern_mismatch":
            self.add(where, "is not of the allowed form", detail["ctx"]["pattern"], value=detail["input"], file=file)
        elif kind == "string_too_short":
            self.add(where, "is empty", value=detail["input"], file=file)
        elif kind in _ALLOWED:
            self.add(where, "is of the wrong kind", _ALLOWED[kind], value=detail["input"], file=file)
        else:
            self.add(where, detail["msg"], value=detail["input"], file=file)


def spell(path: Path) -> str:
    """`pools.web.hosts[2]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _show(path: str | Path, value: Any) -> str:
    last = path.rsplit(".", 1)[-1] if isinstance(path, str) else path[-1] if path else ""
    if last in _SECRETIVE:
        return "(not shown)"
    text = value if isinstance(value, str) and value.strip() else json.dumps(value, default=str)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def _nearest(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    return f" (did you mean {near[0]}?)" if near else ""


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(names[:20])
    return (shown + (f", ... ({len(names)} in all)" if len(names) > 20 else "")) or "none are defined"


def _keys_at(model: type[BaseModel], loc: Sequence[str | int]) -> Iterable[str]:
    """The keys that are known where a location inside a model points to."""
    here: Any = model
    for part in loc:
        if isinstance(here, type) and issubclass(here, BaseModel):
            here = _bare(here.model_fields[str(part)].annotation)
        else:
            here = _bare(typing.get_args(here)[-1])
    if not (isinstance(here, type) and issubclass(here, BaseModel)):
        return ()
    return [name for name, info in here.model_fields.items() if not info.exclude]


def _bare(annotation: Any) -> Any:
    """An annotation without `Annotated` and `| None`."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _bare(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return _bare(next(arm for arm in typing.get_args(annotation) if arm is not type(None)))
    return annotation
