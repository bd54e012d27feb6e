"""The two files as a person reads them: one host, pool or section a line. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from metal.adopt.document import Adopted

__all__ = ["inventory_text", "stack_text"]

_WIDE = 10_000
# Maps whose entries get a line each.
_LISTS = ("hosts", "jumps", "pools", "clusters", "defaults")


def inventory_text(found: Adopted, *, schema: str = "../schema/inventory.json") -> str:
    """:param schema: path of the JSON schema, from the file's folder."""
    lines = [f"# yaml-language-server: $schema={schema}", *_remarks(found), *_block(found.inventory, 0)]
    return "\n".join(lines) + "\n"


def stack_text(found: Adopted, *, schema: str = "schema/stack.json") -> str:
    """The text of `Pulumi.<stack>.yaml`; `pulumi stack init` adds its salt to it."""
    head = [f"# yaml-language-server: $schema={schema}", *_remarks(found), "config:", "  metalswarm:fleet:"]
    return "\n".join([*head, *_block(found.fleet, 4)]) + "\n"


def _remarks(found: Adopted) -> list[str]:
    whose = "brings back a cluster of this stack" if found.ours else "takes over a swarm that was made by hand"
    lines = [f"# Written by `metalswarm adopt`: {whose}, as it ran."]
    lines += [f"# Still to be filled in: {line}" for line in found.fill_in]
    return lines


def _block(data: Mapping[str, Any], indent: int) -> list[str]:
    lines: list[str] = []
    pad = " " * indent
    for key, value in data.items():
        if key in _LISTS and isinstance(value, Mapping):
            lines.append(f"{pad}{key}:")
            for name, entry in value.items():
                if key == "clusters":
                    lines.append(f"{pad}  {_flow(name)}:")
                    lines += [f"{pad}    {_flow(part)}: {_flow(inner)}" for part, inner in entry.items()]
                else:
                    lines.append(f"{pad}  {_flow(name)}: {_flow(entry)}")
        else:
            lines.append(f"{pad}{_flow(key)}: {_flow(value)}")
    return lines


def _flow(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=_WIDE, sort_keys=False, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...").strip()
