"""What boot device and power must do for one host: keep it, start it, look at it first, install it, or refuse."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from metal.settings.fleet import PowerWish

__all__ = [
    "Answer",
    "BootDisk",
    "BootMove",
    "BootSight",
    "BootWish",
    "Install",
    "Keep",
    "MarkerState",
    "Probe",
    "Refuse",
    "SeenMarker",
    "SwitchOff",
    "decide_boot",
]


class MarkerState(StrEnum):
    CLAIMED = "claimed"
    RELEASED = "released"


class Answer(StrEnum):
    """What stands in for a marker where there is none to read."""

    UNREACHABLE = "unreachable"  # nothing let us in: off, no SSH, or SSH refused our key or showed a wrong host key
    ABSENT = "absent"  # we got in, and there is no marker


@dataclass(frozen=True)
class SeenMarker:
    """The part of a host's life marker that decides.

    :ivar wipe: the life that ended asked for a reinstall before the next one.
    """

    owner: str
    generation: int
    life: str
    state: MarkerState
    wipe: bool = False


@dataclass(frozen=True)
class BootSight:
    """What is known of a host at this moment.

    :ivar on: chassis power.
    :ivar probed: this run started the host from its disk to look for a marker, and this is what it found.
    :ivar released: the marker of our own previous life of this host, which this very run has just torn down. It
        proves that the host is ours, and stands in for a marker that cannot be read.
    """

    on: bool
    marker: SeenMarker | Answer
    probed: bool = False
    released: SeenMarker | None = None


@dataclass(frozen=True)
class BootWish:
    """What the settings want of a host.

    :ivar generation: 0 never installs; n means installed at least n times by us.
    :ivar blank: nothing on the disks is worth looking for before a first install.
    :ivar lost: the user has given up what runs there.
    """

    owner: str
    generation: int
    blank: bool = False
    power: PowerWish = PowerWish.ON
    lost: bool = False


@dataclass(frozen=True)
class Keep:
    """Nothing to do."""

    reason: str


@dataclass(frozen=True)
class SwitchOff:
    """Soft shutdown, then hard."""

    reason: str


@dataclass(frozen=True)
class BootDisk:
    """Lasting boot device at disk, no override, then power on."""

    reason: str


@dataclass(frozen=True)
class Install:
    """Arm one network boot, then power on, or power cycle where `cycle`."""

    reason: str
    cycle: bool


@dataclass(frozen=True)
class Probe:
    """Boot from disk, look for a marker until the probe deadline, and decide again with `probed`."""

    reason: str


@dataclass(frozen=True)
class Refuse:
    """Touch nothing."""

    reason: str
    next_step: str


BootMove = Keep | SwitchOff | BootDisk | Install | Probe | Refuse


def decide_boot(sight: BootSight, wish: BootWish) -> BootMove:
    """Decide the one move that brings a host nearer to its wish and wipes nothing that was not given up.

    Deciding again after the move was carried out ends in :class:`Keep`.
    """
    marker = sight.marker
    if isinstance(marker, SeenMarker) and marker.owner != wish.owner:
        if marker.state is MarkerState.CLAIMED:
            return Refuse(
                f"is claimed by {marker.owner} (generation {marker.generation}, life {marker.life})",
                f"remove it from the stack {marker.owner} first, or release it there",
            )
        marker = Answer.ABSENT
    if not isinstance(marker, SeenMarker) and sight.released is not None and sight.released.owner == wish.owner:
        marker = sight.released
    seen = replace(sight, marker=marker)
    if wish.power is PowerWish.OFF:
        return _towards_off(seen, wish)
    if wish.generation == 0:
        return _as_it_is(seen)
    if isinstance(marker, SeenMarker):
        return _ours(seen, marker, wish)
    return _unknown(seen, wish)


def _towards_off(sight: BootSight, wish: BootWish) -> BootMove:
    if not sight.on:
        return Keep("is off, as wanted")
    if sight.marker is Answer.UNREACHABLE and not wish.lost and not sight.probed:
        return Refuse(
            "is running and does not let us in, so whose it is cannot be told",
            "make SSH work, switch it off by hand, or set lost: true in the inventory to give up what runs there",
        )
    return SwitchOff("power: off is wanted")


def _as_it_is(sight: BootSight) -> BootMove:
    """Generation 0: the host is taken with the system it has."""
    if isinstance(sight.marker, SeenMarker) and sight.marker.wipe:
        return Refuse(
            "left its last life to be reinstalled, and generation 0 never installs",
            "set generation: 1 or more to let it be installed",
        )
    if sight.on:
        return Keep("is running and generation 0 takes it as it is")
    return BootDisk("is off and generation 0 starts the system it has")


def _ours(sight: BootSight, marker: SeenMarker, wish: BootWish) -> BootMove:
    """The host carries, or was just left with, our own marker."""
    if marker.wipe:
        return Install("left its last life to be reinstalled", cycle=sight.on)
    if marker.generation < wish.generation:
        return Install(f"generation raised from {marker.generation} to {wish.generation}", cycle=sight.on)
    if sight.on:
        return Keep(f"is running and ours (generation {marker.generation})")
    return BootDisk(f"is off and ours (generation {marker.generation})")


def _unknown(sight: BootSight, wish: BootWish) -> BootMove:
    """Nothing says that the host is ours."""
    if not sight.on:
        if wish.blank:
            return Install("is off and declared blank", cycle=False)
        return Probe("is off and what its disks hold is not known")
    if sight.marker is Answer.UNREACHABLE:
        if sight.probed:
            return Install("started from disk, and nothing of ours answered", cycle=True)
        if wish.lost:
            return Install("is running, does not let us in, and is declared lost", cycle=True)
        return Refuse(
            "is running and does not let us in, so whose it is cannot be told",
            "make SSH work, switch it off, or set lost: true in the inventory to give up what runs there",
        )
    if sight.probed:
        return Refuse(
            "holds a system that is not ours: started from disk it let us in and carries no marker of ours",
            "set generation: 0 to take it as it is, or blank: true in the inventory and switch it off to install it",
        )
    return Refuse(
        "is running and carries no marker of ours",
        "switch it off, or set generation: 0 to take it as it is",
    )
