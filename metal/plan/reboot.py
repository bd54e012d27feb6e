"""Whether a host has to be rebooted for a label, told by its boot-id and never by the clock."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["RebootMove", "RebootNote", "decide_reboot"]


@dataclass(frozen=True)
class RebootNote:
    """What lies on a host.

    :ivar label: the last label that was asked for there.
    :ivar boot_id: of the boot in which it was asked for; empty once another boot has been seen.
    """

    label: str
    boot_id: str = ""


class RebootMove(StrEnum):
    REBOOT = "reboot"
    NOTE = "note that it is done"
    NOTHING = "nothing"


def decide_reboot(label: str, note: RebootNote | None, *, boot_id: str, begins: bool, reached: str) -> RebootMove:
    """What is to be done for `label`.

    :param label: empty asks for nothing.
    :param note: as it lies on the host; None where there is none, or it cannot be read.
    :param boot_id: of the boot that answers now.
    :param begins: the host's life with us begins with this act: what runs there counts as rebooted already.
    :param reached: the label that the last finished act was for; empty for none.
    """
    if not label:
        return RebootMove.NOTHING
    if note is not None and note.label == label:
        if not note.boot_id:
            return RebootMove.NOTHING
        # A run was cut short: whether the host has rebooted since then, its boot-id says.
        return RebootMove.REBOOT if note.boot_id == boot_id else RebootMove.NOTE
    if reached == label or (begins and note is None):
        return RebootMove.NOTE
    return RebootMove.REBOOT
