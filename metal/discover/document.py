"""An inventory file as text: entries added, a BMC's address changed, all else byte for byte as it was. No I/O."""

from __future__ import annotations

import json
from collections.abc import Sequence

import yaml

from metal.discover.line import quoted
from metal.errors import SettingsError

__all__ = ["add_entries", "move_bmc", "new_document"]

_HEAD = """\
# Found by `metalswarm discover`. Before a host is used: give it the address of its system, take its hold away,
# and give it a name that you like; docs/settings.md says what every key means.
hosts:
"""
_INDENT = "  "
_NO_BMC = "none"


def new_document(lines: Sequence[str]) -> str:
    """A file of its own for these entries."""
    return _HEAD + "".join(f"{_INDENT}{line}\n" for line in lines) if lines else _HEAD.rstrip("\n") + " {}\n"


def add_entries(text: str, lines: Sequence[str], *, file: str) -> str:
    """The file with these entries after the last one that it has.

    :param lines: without indentation.
    :raises SettingsError: it is not laid out so that they could be added without touching what is there.
    """
    if not lines:
        return text
    root = _root(text, file)
    hosts = _value(root, "hosts") if root is not None else None
    if hosts is None:
        gap = "" if not text or text.endswith("\n") else "\n"
        return f"{text}{gap}hosts:\n" + "".join(f"{_INDENT}{line}\n" for line in lines)
    if isinstance(hosts, yaml.MappingNode) and not hosts.value:
        block = "".join(f"\n{_INDENT}{line}" for line in lines)
        return text[: hosts.start_mark.index].rstrip(" ") + block + text[hosts.end_mark.index :]
    if isinstance(hosts, yaml.ScalarNode) and hosts.value in ("", "~", "null"):
        block = "".join(f"\n{_INDENT}{line}" for line in lines)
        return text[: hosts.start_mark.index].rstrip(" ") + block + text[hosts.end_mark.index :]
    if not isinstance(hosts, yaml.MappingNode) or hosts.flow_style:
        raise SettingsError([f"{file}: hosts is not a map with one host to a line; allowed: a block map, to add to"])
    indent = " " * hosts.value[0][0].start_mark.column
    end = _line_end(text, _last(hosts))
    gap = "" if text[:end].endswith("\n") else "\n"
    return text[:end] + gap + "".join(f"{indent}{line}\n" for line in lines) + text[end:]


def move_bmc(text: str, host: str, address: str, *, file: str, instead: str = "", system: str = "") -> str:
    """The file with another address for a host's BMC, and another system where its entry names one.

    :param instead: what stands in place of `none`; empty for the address alone.
    :param system: Id of the system there; empty where it was not told.
    :raises SettingsError: the address, or the system, does not stand in that host's own entry; or the entry names a
        system, and which one it is at that address was not told.
    """
    root = _root(text, file)
    hosts = _value(root, "hosts") if root is not None else None
    entry = _value(hosts, host) if isinstance(hosts, yaml.MappingNode) else None
    bmc = _value(entry, "bmc") if isinstance(entry, yaml.MappingNode) else None
    place = _value(bmc, "address") if isinstance(bmc, yaml.MappingNode) else bmc
    slot = _value(bmc, "system")
    merged = slot is None and _value(bmc, "<<") is not None
    if not _is_own(place, entry) or (slot is not None and not _is_own(slot, entry)) or merged:
        by_hand = f"the address {address}" + (f" and the system {system}" if system else "")
        raise SettingsError(
            [f"{file}: hosts.{host}.bmc: stands elsewhere (an anchor, or a merged map); allowed: in the entry itself"],
            next_step=f"write {by_hand} there by hand",
        )
    if slot is not None and not system:
        raise SettingsError(
            [f"{file}: hosts.{host}.bmc.system = {slot.value}: is that of another BMC; allowed: the one at {address}"],
            next_step=f"which one it is there was not told: write the address {address} and its system by hand",
        )
    assert place is not None
    shown = address if ":" not in address else json.dumps(address)
    if instead and place is bmc and place.value == _NO_BMC:
        shown = instead
    changes = [(place, shown)] if place.value != address else []
    if slot is not None and slot.value != system:
        changes.append((slot, quoted(system)))
    for node, value in sorted(changes, key=lambda change: -change[0].start_mark.index):
        text = text[: node.start_mark.index] + value + text[node.end_mark.index :]
    return text


def _is_own(node: yaml.Node | None, entry: yaml.Node | None) -> bool:
    """Whether it is one value that stands in the entry itself."""
    return (
        entry is not None
        and isinstance(node, yaml.ScalarNode)
        and entry.start_mark.index <= node.start_mark.index
        and node.end_mark.index <= entry.end_mark.index
    )


def _root(text: str, file: str) -> yaml.MappingNode | None:
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise SettingsError([f"{file}: is not YAML: {getattr(error, 'problem', None) or error}"]) from None
    if node is None:
        return None
    if not isinstance(node, yaml.MappingNode) or node.flow_style:
        raise SettingsError([f"{file}: does not hold a block map at the top; allowed: an inventory file"])
    return node


def _value(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if isinstance(name, yaml.ScalarNode) and name.value == key), None)


def _last(node: yaml.Node) -> int:
    """Where the text of a block ends: its own mark stands behind comments that belong to what follows."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _last(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)


def _line_end(text: str, at: int) -> int:
    """The beginning of the next line; a comment behind a value belongs to it."""
    if at and text[at - 1 : at] == "\n":
        return at
    found = text.find("\n", at)
    return len(text) if found < 0 else found + 1
