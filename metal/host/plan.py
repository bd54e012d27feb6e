"""Decisions about a host that answers: is it the right machine, is it enough, whose is it. No I/O."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

from metal.errors import HostError, HostFault
from metal.host.clock import Skew
from metal.host.expect import differences
from metal.host.facts import Facts
from metal.host.marker import MARKER_PATH, Marker, MarkerState
from metal.host.wish import ReadyReport, ReadyWish
from metal.plan import identity

__all__ = [
    "BootState",
    "Claim",
    "boot_state",
    "check_identity",
    "claim",
    "clock_lacks",
    "other_metal",
    "prove_new_life",
    "refuse_other_metal",
    "released",
    "shortfalls",
]


class BootState(Enum):
    STARTING = "starting"
    UP = "up"
    DEGRADED = "up, with failed units"
    STOPPING = "stopping"
    BROKEN = "not up"


def boot_state(word: str) -> BootState:
    """What `systemctl is-system-running` says; an unknown word is not "up"."""
    known = {
        "running": BootState.UP,
        "degraded": BootState.DEGRADED,
        "initializing": BootState.STARTING,
        "starting": BootState.STARTING,
        # systemd's bus is not there yet, early in a boot.
        "offline": BootState.STARTING,
        "unknown": BootState.STARTING,
        "": BootState.STARTING,
        "stopping": BootState.STOPPING,
    }
    return known.get(word.strip(), BootState.BROKEN)


def check_identity(wish: ReadyWish, facts: Facts) -> None:
    """Compare the inventory's serial, uuid and MACs with the host, each where both sides have it.

    :raises HostError: NOT_OURS, naming every difference: another machine answers at this address.
    """
    wrong: list[str] = []
    if wish.serial and facts.serial and wish.serial.lower() != facts.serial.lower():
        wrong.append(f"serial {facts.serial}, inventory {wish.serial}")
    if wish.uuid and facts.uuid and not _same_uuid(wish.uuid, facts.uuid):
        wrong.append(f"uuid {facts.uuid}, inventory {wish.uuid}")
    macs = {mac.lower() for mac in facts.macs.values()}
    if wish.macs and macs and not macs & {mac.lower() for mac in wish.macs}:
        wrong.append(f"MACs {', '.join(sorted(macs))}, inventory {', '.join(wish.macs)}")
    if wrong:
        raise HostError(
            "another machine answers at this address; nothing was changed on it",
            fault=HostFault.NOT_OURS,
            host=wish.host,
            tried=["serial, uuid and MACs of the inventory against the host"],
            seen="; ".join(wrong),
            next_step="correct address or identity in the inventory, or the cabling",
        )


def other_metal(wish: ReadyWish, facts: Facts) -> tuple[str, ...]:
    """How the machine contradicts what this life has shown of it until now; empty where it does not, or is new."""
    seen = {"serial": facts.serial or "", "uuid": facts.uuid or "", "macs": [nic.mac for nic in facts.nics]}
    return identity.differences(wish.known, seen)


def refuse_other_metal(wish: ReadyWish, facts: Facts) -> None:
    """Insist that a life goes on on the metal that it began on: a disk that was put into another chassis does not.

    :raises HostError: NOT_OURS, naming every difference.
    """
    changed = other_metal(wish, facts)
    if changed:
        raise HostError(
            "its system runs on other metal than before",
            fault=HostFault.NOT_OURS,
            host=wish.host,
            tried=["serial, uuid and MACs against those that this life has shown"],
            seen="; ".join(changed),
            next_step="if its disks or board were moved on purpose, `override: [identity]` of its cluster takes it as "
            "it is, and a raised generation installs it anew; else correct address or cabling",
        )


def is_allowed(wish: ReadyWish, facts: Facts) -> bool:
    """Whether its release is one of those that are allowed."""
    return not wish.os or any(_release_fits(allowed, facts) for allowed in wish.os)


def shortfalls(wish: ReadyWish, facts: Facts, skew: Skew) -> tuple[str, ...]:
    """What the host lacks to be ready, one line each: release, processors, memory, clock, what its pool expects."""
    lacking: list[str] = []
    if not is_allowed(wish, facts):
        lacking.append(f"its system is {facts.release}; allowed: {', '.join(wish.os)}")
    if facts.cpus < wish.cpus:
        lacking.append(f"it has {facts.cpus} processors; at least {wish.cpus}")
    if facts.memory < wish.memory:
        lacking.append(f"it has {facts.memory // 2**20} MiB of memory; at least {wish.memory // 2**20} MiB")
    clock = clock_lacks(wish, skew)
    return (*lacking, *([clock] if clock else []), *differences(wish, facts))


def clock_lacks(wish: ReadyWish, skew: Skew, *, in_step: bool = True) -> str:
    """What is wrong with its clock; empty where nothing is.

    :param in_step: a time service holds it in step, or nobody asked for that.
    """
    if not skew.within(wish.clock_skew):
        return f"its clock is {skew}; at most {wish.clock_skew:g} s"
    return "" if in_step else "its clock is held in step by no time service (timedatectl: NTPSynchronized=no)"


class Claim(Enum):
    FRESH = "no marker: a system without an owner"
    RESUME = "ours already"
    MOVED = "ours, from another life of the same install"
    TAKE_OVER = "released by its last owner"


def claim(found: Marker | None, wish: ReadyWish, facts: Facts) -> tuple[Claim, Marker]:
    """Whose host it is, and the marker that has to be on it.

    :raises HostError: NOT_OURS: claimed by another owner, for another host, or copied from another system;
        OLD_SYSTEM: one of an earlier generation, or left by us to be reinstalled: the reinstall did not happen.
    """
    marker = Marker(
        owner=wish.owner,
        host=wish.host,
        generation=wish.generation,
        life=wish.life,
        state=MarkerState.CLAIMED,
        wipe=False,
        machine_id=facts.machine_id,
    )
    if found is None:
        return Claim.FRESH, marker
    if found.machine_id != facts.machine_id:
        raise HostError(
            "the life marker belongs to another system: it came with a copied disk or image",
            fault=HostFault.NOT_OURS,
            host=wish.host,
            tried=[f"read {MARKER_PATH}"],
            seen=f"marker of machine-id {found.machine_id}; this one is {facts.machine_id}",
            next_step=f"take {MARKER_PATH} out of the image; if this host is yours, remove it here and run again",
        )
    ours = found.owner == wish.owner
    free = found.state is MarkerState.RELEASED
    if not ours and not free:
        raise HostError(
            f"the host is claimed by {found.owner}; nothing was changed on it",
            fault=HostFault.NOT_OURS,
            host=wish.host,
            tried=[f"read {MARKER_PATH}"],
            seen=f"owner {found.owner}, host {found.host}, life {found.life}, {found.state}",
            next_step=f"release it there (destroy it in {found.owner}), or remove {MARKER_PATH} if that stack is gone",
        )
    if ours and not free and found.host not in (wish.host, wish.was):
        raise HostError(
            f"the host at this address is {found.host}; nothing was changed on it",
            fault=HostFault.NOT_OURS,
            host=wish.host,
            tried=[f"read {MARKER_PATH}"],
            seen=f"owner {found.owner}, host {found.host}, life {found.life}",
            next_step="two names share one address, or a host was renamed: correct the inventory",
        )
    # Installs are counted by owner: another owner's count says nothing about ours.
    installs = found.generation if ours else 0
    # What our own last life left to be reinstalled is not taken over, whatever it counts.
    if installs < wish.generation or (ours and free and found.wipe):
        raise HostError(
            "the reinstall did not happen: the host still runs an earlier system",
            fault=HostFault.OLD_SYSTEM,
            host=wish.host,
            tried=[f"looked for generation {wish.generation}"],
            seen=(
                f"marker of generation {found.generation} by {found.owner}, life {found.life}"
                f"{', left to be reinstalled' if found.wipe else ''}"
            ),
            next_step=(
                "look at its console and boot order for why it did not boot from the network; the next run arms the "
                "network boot again"
            ),
        )
    # "At least n installs": a lowered number does not undo one. What its system has passed, it has passed.
    marker = replace(marker, generation=max(installs, wish.generation), burn_in=found.burn_in if ours else "")
    if free:
        return Claim.TAKE_OVER, marker
    return (Claim.RESUME if found == marker else Claim.MOVED), marker


def released(found: Marker | None, *, owner: str, host: str, wipe: bool) -> Marker | None:
    """The marker to leave behind when `owner` lets go of a host; None: there is nothing to let go of."""
    if found is None or found.owner != owner or found.host != host:
        return None
    return replace(found, state=MarkerState.RELEASED, wipe=wipe)


def prove_new_life(before: ReadyReport, after: ReadyReport, *, host: str | None = None) -> None:
    """Insist that a reinstall made a new system: both machine-id and host key must differ.

    :raises HostError: OLD_SYSTEM, naming what stayed the same.
    """
    same = []
    if before.machine_id == after.machine_id:
        same.append(f"machine-id {after.machine_id}")
    if before.host_key.split()[:2] == after.host_key.split()[:2]:
        same.append("SSH host key")
    if same:
        raise HostError(
            "the reinstall is not proven: the system has kept what a new one makes anew",
            fault=HostFault.OLD_SYSTEM,
            host=host,
            tried=["machine-id and SSH host key, before and after"],
            seen="the same: " + ", ".join(same),
            next_step=(
                "look at the console for whether it installed; an image must make its machine-id and host keys at "
                "the first boot"
            ),
        )


def _release_fits(allowed: str, facts: Facts) -> bool:
    """ "rocky-9" allows 9 and 9.3, not 90."""
    release = facts.release.lower()
    allowed = allowed.lower()
    return release == allowed or release.startswith(f"{allowed}.")


def _same_uuid(left: str, right: str) -> bool:
    """Firmware before SMBIOS 2.6 shows the first three fields with their bytes swapped."""
    plain = left.lower().replace("-", "")
    other = right.lower().replace("-", "")
    if plain == other:
        return True
    if len(plain) != 32:
        return False
    swapped = "".join(
        "".join(reversed([field[i : i + 2] for i in range(0, len(field), 2)]))
        for field in (plain[:8], plain[8:12], plain[12:16])
    )
    return swapped + plain[16:] == other
