"""What is left to decide after a look at a range: the exit code says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from metal.discover import Written, left
from metal.discover.match import Known, Match, Verdict
from metal.discover.sight import Found, Machine
from tests.unit.metal.discover.test_write import discovery

FILE = Path("rack1.yaml")
AT = "10.9.1.11"
MACHINE = Machine(serial="7XK2PQ1", serials=("7XK2PQ1",))
OTHER = Machine(serial="OTHER", serials=("OTHER",))
HERE = Known("r1", str(FILE), serial="7XK2PQ1", bmc=AT, bmc_addresses=(AT,))
ELSEWHERE = Known("r1", str(FILE), serial="7XK2PQ1", bmc="10.9.1.99", bmc_addresses=("10.9.1.99",))


@pytest.mark.parametrize(
    ("found", "known", "written", "to", "verdict", "is_left"),
    [
        (Found(AT, machine=MACHINE), HERE, Written(), None, Verdict.KNOWN, False),
        (Found(AT), HERE, Written(), None, Verdict.AT_ADDRESS, False),
        (Found(AT, trouble="wrong password"), HERE, Written(), None, Verdict.AT_ADDRESS, True),
        (Found(AT, machine=OTHER), HERE, Written(), None, Verdict.OTHER_MACHINE, True),
        (Found(AT, machine=MACHINE), ELSEWHERE, Written(), FILE, Verdict.MOVED, True),
        (Found(AT, machine=MACHINE), ELSEWHERE, Written(moved=("r1",)), FILE, Verdict.MOVED, False),
        (Found(AT, machine=MACHINE), None, Written(names={AT: "7xk2pq1"}), None, Verdict.NEW, True),
        (Found(AT, machine=MACHINE), None, Written(names={AT: "7xk2pq1"}), FILE, Verdict.NEW, False),
        (Found(AT, trouble="wrong password"), None, Written(), FILE, Verdict.NEW, True),
    ],
)
def test_what_is_left(
    found: Found, known: Known | None, written: Written, to: Path | None, verdict: Verdict, is_left: bool
) -> None:
    seen = discovery([found], (known,) if known else ())
    assert [each.verdict for each in seen.matches] == [verdict]
    assert [match.found for match in left(seen, written, to=to)] == ([found] if is_left else [])


def test_one_machine_at_two_addresses_is_left() -> None:
    twins = discovery([Found(AT, machine=MACHINE), Found("10.9.1.12", machine=MACHINE)])
    written = Written(names={AT: "7xk2pq1"})
    open_ends: tuple[Match, ...] = left(twins, written, to=FILE)
    assert [each.found.address for each in open_ends] == ["10.9.1.12"]
