"""docs/faults.md lists every kind of fault as the program has it."""

from __future__ import annotations

from lab.faults.kinds import KINDS
from tests.unit.docs.markdown import CHECKOUT


def test_the_tables_are_the_kinds() -> None:
    text = (CHECKOUT / "docs" / "faults.md").read_text()
    lines = [line.strip("|") for line in text.splitlines() if line.startswith("| `")]
    rows = [[cell.strip() for cell in line.split("|")] for line in lines]
    told = {name.strip("`"): (count, seconds) for name, _, count, seconds, does in rows if does}
    assert told == {kind.name: (kind.count, kind.seconds) for kind in KINDS}
