"""Reading settings files: YAML 1.2 scalars, duplicate keys refused, includes merged."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from metal.settings.problems import Problems

__all__ = ["merge", "read_yaml"]


class _Loader(yaml.SafeLoader):
    """PyYAML with the scalars of YAML 1.2, as the Pulumi engine reads the stack file.

    Under YAML 1.1 `off` is false, a MAC address of digits is a number in base 60, and 007 is octal.
    """

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  (PyYAML's own hook)

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.repeated: list[tuple[str, int, int]] = []

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        first: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                continue
            line = key.start_mark.line + 1
            if key.value in first:
                entry = (key.value, line, first[key.value])
                if entry not in self.repeated:
                    self.repeated.append(entry)
            first.setdefault(key.value, line)
        return super().construct_mapping(node, deep)


for _tag, _pattern, _starts in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?(0|[1-9][0-9]*)\.[0-9]+", "-+0123456789"),
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}",
        re.compile(f"^(?:{_pattern})$"),
        [*_starts.replace("\0", ""), *([""] if "\0" in _starts else [])],
    )


def read_yaml(path: Path, shown: str, problems: Problems) -> dict[str, Any] | None:
    """The map in a file; an empty file is an empty map. None after adding what is wrong with it.

    :param shown: how the file is named in messages.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        problems.add("", f"cannot be read ({error.strerror})", "a path from the project's folder", file=shown)
        return None
    except UnicodeDecodeError:
        problems.add("", "is not text in UTF-8", file=shown)
        return None
    except ValueError:
        problems.add("", "is not a path: a null character is in it", "a path from the project's folder", value=shown)
        return None
    loader: _Loader | None = None
    try:
        loader = _Loader(text)
        data = loader.get_single_data()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be read"
        problems.add(f"line {mark.line + 1}" if mark else "", f"is not YAML: {what}", file=shown)
        return None
    except RecursionError:
        problems.add("", "is nested too deeply", file=shown)
        return None
    except (ValueError, KeyError, AttributeError):
        # What PyYAML's own constructors raise for `!!int abc`, or for a number of thousands of digits.
        problems.add("", "is not YAML: a value does not fit its tag, or a number is too long", file=shown)
        return None
    finally:
        if loader is not None:
            loader.dispose()
    for key, line, before in loader.repeated:
        problems.add(f"line {line}", f"the key {key} was given already in line {before}", "each key once", file=shown)
    if data is None:
        return {}
    if not isinstance(data, dict):
        problems.add("", "does not hold a map", "a map at the top", file=shown)
        return None
    return data


def merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid on `under`: maps are merged at every depth, everything else is replaced."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged
