"""Where a host's armed faults are kept: one file, replaced whole, that its BMC and its firmware look at."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from lab.faults.rule import Fault

__all__ = ["read_faults", "spent", "write_faults"]


def read_faults(path: Path) -> tuple[Fault, ...]:
    """None where nothing was ever armed."""
    try:
        return tuple(Fault.from_dict(fault) for fault in json.loads(path.read_text()))
    except FileNotFoundError:
        return ()


def write_faults(path: Path, faults: Sequence[Fault]) -> None:
    """Replace them all; without any, the file goes."""
    if not faults:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.write_text(json.dumps([fault.to_dict() for fault in faults], indent=1) + "\n")
    os.replace(new, path)


def spent(*paths: Path) -> dict[tuple[int, int], int]:
    """How often each rule has fired, by number of its fault and place in it, from the notes of those who play them."""
    found: dict[tuple[int, int], int] = {}
    for path in paths:
        try:
            notes = json.loads(path.read_text())
        except FileNotFoundError:
            continue
        for number, rules in notes.items():
            for index, (_, fired) in enumerate(rules):
                found[int(number), index] = found.get((int(number), index), 0) + fired
    return found
