"""What a host's boot device and power must do: keep it, start it, look at it first, install it, or refuse."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from metal.plan.verdict import Keep, Refuse

__all__ = [
    "BootDisk",
    "BootSight",
    "Decision",
    "Install",
    "Keep",
    "MarkerSight",
    "Probe",
    "Refuse",
    "SeenMarker",
    "decide_again",
    "decide_boot",
]


class SeenMarker(Protocol):
    """The part of a host's life marker that decides; `metal.host.marker.Marker` has it."""

    @property
    def owner(self) -> str: ...
    @property
    def generation(self) -> int: ...
    @property
    def life(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def wipe(self) -> bool: ...


class MarkerSight(StrEnum):
    """What stands in for a marker where none was read."""

    UNREACHABLE = "unreachable"  # nothing answers
    ABSENT = "absent"  # something answers, and it is not known to be ours: no marker, our key refused, another host key


@dataclass(frozen=True)
class BootSight:
    """What is wanted of a host, and what is known of it at this moment.

    :ivar owner: `project/stack` that wants it.
    :ivar generation: wanted; 0 never installs, n means installed at least n times by us.
    :ivar wants_power: False for `power: off`.
    :ivar blank: nothing on its disks is worth looking for before a first install.
    :ivar lost: the user has given up what runs there.
    :ivar remembered: highest generation that is known from earlier runs to have been on it; 0 means taken as it was.
    :ivar released_here: this very run has torn down our own previous life of it.
    :ivar wipe_remembered: that life asked for a reinstall.
    :ivar probed: we started it from its disk to look for a marker, in this run or in one that was cut short.
    """

    power_on: bool
    marker: SeenMarker | MarkerSight
    owner: str
    generation: int
    wants_power: bool = True
    blank: bool = False
    lost: bool = False
    has_bmc: bool = True
    remembered: int | None = None
    released_here: bool = False
    wipe_remembered: bool = False
    probed: bool = False


@dataclass(frozen=True)
class BootDisk:
    """Lasting boot device at its default, no override, then power on."""

    reason: str


@dataclass(frozen=True)
class Install:
    """Arm one network boot, then power on, or power cycle where `cycle`."""

    reason: str
    cycle: bool


@dataclass(frozen=True)
class Probe:
    """Start from disk, look for a marker until the probe deadline, and decide again with `probed`."""

    reason: str


Decision = Keep | BootDisk | Install | Probe | Refuse


@dataclass(frozen=True)
class _Ours:
    """The last life of ours on this host, from its marker or, where that cannot be read, from the run that ended it."""

    generation: int
    wipe: bool


def decide_boot(sight: BootSight) -> Decision:
    """Decide the one move that brings a host nearer to its wish and wipes nothing that was not given up.

    A marker that can be read is believed before anything remembered. Deciding again after the move was carried out
    and the new life is marked ends in :class:`Keep`: no boot to prepare, power goes where it is wanted.
    """
    marker = sight.marker
    if not isinstance(marker, MarkerSight) and marker.owner != sight.owner and marker.state != "released":
        return Refuse(
            f"is claimed by {marker.owner} (generation {marker.generation}, life {marker.life})",
            f"remove it from the stack {marker.owner} first, or release it there",
        )
    decision = _decide(sight, _last_life(sight))
    if not sight.has_bmc and isinstance(decision, Install | Probe):
        return Refuse(
            f"{decision.reason}, and it has no BMC to be installed through", "set generation: 0 to take it as it is"
        )
    return decision


def decide_again(sight: BootSight, *, armed: bool) -> Decision:
    """Decide on the boot of a life that was begun, and whose system was waited for in vain.

    :param armed: an install was armed for it, so nothing that its disks hold is to be kept.
    """
    marker = sight.marker
    if not isinstance(marker, MarkerSight):
        decision = decide_boot(sight)
        if armed and isinstance(decision, Refuse) and marker.state == "released":
            return Install("still runs the system that was to be replaced", cycle=sight.power_on)
        return decision
    if marker is MarkerSight.ABSENT:
        return Keep("answers by now, which its ready state judges")
    if armed:
        return Install("was to be installed and did not come up", cycle=sight.power_on)
    if not sight.power_on:
        return BootDisk("went off before it came up")
    return Keep("is on, and is waited for once more")


def _last_life(sight: BootSight) -> _Ours | None:
    marker = sight.marker
    if not isinstance(marker, MarkerSight):
        return _Ours(marker.generation, marker.wipe) if marker.owner == sight.owner else None
    # A remembered 0 is a host that was never looked into, so it proves nothing.
    if sight.released_here and sight.remembered:
        return _Ours(sight.remembered, sight.wipe_remembered)
    return None


def _decide(sight: BootSight, ours: _Ours | None) -> Decision:
    if sight.generation == 0:
        return _as_it_is(sight, ours)
    if ours and ours.wipe:
        return Install("left its last life to be reinstalled", cycle=sight.power_on)
    if ours and ours.generation < sight.generation:
        return Install(f"generation raised from {ours.generation} to {sight.generation}", cycle=sight.power_on)
    if not sight.wants_power:
        return _towards_off(sight, ours)
    if sight.power_on:
        return Keep(f"is running and ours (generation {ours.generation})") if ours else _running_unknown(sight)
    if ours:
        return BootDisk(f"is off and ours (generation {ours.generation})")
    return _off_unknown(sight)


def _as_it_is(sight: BootSight, ours: _Ours | None) -> Decision:
    """Generation 0: the host is taken with the system it has."""
    if ours and ours.wipe:
        return Refuse(
            "left its last life to be reinstalled, and generation 0 never installs",
            "set generation: 1 or more to let it be installed",
        )
    if not sight.wants_power:
        return _towards_off(sight, ours)
    if sight.power_on:
        return Keep("is running and generation 0 takes it as it is")
    return BootDisk("is off and generation 0 starts the system it has")


def _towards_off(sight: BootSight, ours: _Ours | None) -> Decision:
    """`power: off`: a host that was never installed waits for its install until it is to run."""
    if not sight.power_on:
        return Keep("is off, as wanted")
    # A marker that reached this point is ours or was released to whoever comes next.
    if ours or not isinstance(sight.marker, MarkerSight) or sight.lost:
        return Keep("is on and wanted off")
    return Refuse(
        "is running and not known to be ours, so it is not switched off",
        "switch it off by hand, or set lost: true in the inventory to give up what runs there",
    )


def _off_unknown(sight: BootSight) -> Decision:
    if sight.remembered is not None and sight.remembered >= sight.generation:
        return BootDisk(f"is off and was last seen as ours (generation {sight.remembered})")
    if sight.blank and not sight.remembered:
        return Install("is off and declared blank", cycle=False)
    return Probe("is off, and what its disks hold is not known")


def _running_unknown(sight: BootSight) -> Decision:
    if sight.marker is MarkerSight.UNREACHABLE:
        if sight.probed:
            return Install("started from disk, and nothing answered", cycle=True)
        if sight.lost:
            return Install("is running, does not answer, and is declared lost", cycle=True)
        return Refuse(
            "is running and does not answer, so whose it is cannot be told",
            "make SSH work, switch it off, or set lost: true in the inventory to give up what runs there",
        )
    if sight.probed:
        return Refuse(
            "holds a system that is not known to be ours: started from disk, it answers without a marker of ours",
            "set generation: 0 to take it as it is; to give it up, switch it off and set blank: true in the inventory",
        )
    return Refuse(
        "is running and carries no marker of ours",
        "switch it off, or set generation: 0 to take it as it is",
    )
