from __future__ import annotations

import pytest

from metal.plan.reboot import RebootMove, RebootNote, decide_reboot

NOW, BEFORE = "b2", "b1"


@pytest.mark.parametrize(
    ("note", "begins", "reached", "move"),
    [
        (None, False, "", RebootMove.REBOOT),
        (None, True, "", RebootMove.NOTE),
        (None, False, "k2", RebootMove.NOTE),
        (RebootNote("k1"), False, "k1", RebootMove.REBOOT),
        (RebootNote("k1"), True, "", RebootMove.REBOOT),
        (RebootNote("k2"), False, "k1", RebootMove.NOTHING),
        (RebootNote("k2", BEFORE), False, "k1", RebootMove.NOTE),
        (RebootNote("k2", NOW), False, "k1", RebootMove.REBOOT),
        (RebootNote("k2", NOW), True, "", RebootMove.REBOOT),
    ],
    ids=[
        "first label on a host that is ours",
        "a new life counts as rebooted",
        "the state knows, the host lost its note",
        "another label",
        "another label, and the state was lost",
        "done",
        "cut short after the reboot",
        "cut short before the reboot",
        "cut short before the reboot, and the state was lost",
    ],
)
def test_a_label_is_one_reboot(note, begins, reached, move) -> None:
    assert decide_reboot("k2", note, boot_id=NOW, begins=begins, reached=reached) is move


def test_no_label_asks_for_nothing() -> None:
    note = RebootNote("k1", NOW)
    assert decide_reboot("", note, boot_id=NOW, begins=False, reached="k1") is RebootMove.NOTHING
