"""What kind of BMC a small one is: its limits, and simple moods of a test."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Temper"]


@dataclass
class Temper:
    """How this BMC behaves; may be changed while it runs. Faults with a beginning and an end are rules (lab/faults).

    :ivar slots: sessions at once, half-open ones included.
    :ivar suites: cipher suites it takes.
    :ivar highest: highest privilege that Set Session Privilege Level grants.
    :ivar highest_role: highest privilege that RAKP message 1 may ask for.
    :ivar silent: payload types it receives and does not answer.
    :ivar drop: payload type -> so many of the next ones it receives and does not answer.
    :ivar busy: so many of the next commands are answered 0xC0 and not carried out.
    :ivar double: answers each command twice.
    :ivar bmc_key: Kg, in place of the password under the session's keys.
    :ivar forgets_flags: accepts boot flags so many times without keeping them.
    :ivar restores: power restore policies that it knows, as the bits of its answer.
    :ivar no_restore: completion code of a BMC that has no such policy to set; 0 for one that has.
    :ivar forgets_restore: accepts so many policies without keeping them.
    :ivar deaf_power: accepts so many chassis controls without carrying them out.
    :ivar mixes_up: takes a repeated RAKP message 1 for a new one, so that it no longer knows what it answered before.
    :ivar lag: so many status reads show the old power after a control.
    """

    slots: int = 8
    suites: frozenset[int] = frozenset({3, 17})
    highest: int = 4
    highest_role: int = 4
    silent: set[int] = field(default_factory=set)
    drop: dict[int, int] = field(default_factory=dict)
    busy: int = 0
    double: bool = False
    bmc_key: bytes | None = None
    forgets_flags: int = 0
    restores: int = 0b111
    no_restore: int = 0
    forgets_restore: int = 0
    deaf_power: int = 0
    mixes_up: bool = False
    lag: int = 0
    manufacturer: int = 0x1291
