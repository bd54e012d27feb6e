"""What a pool expects of a host, held against what the host says: every difference in words, expected and found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase

from metal.host.facts import Disk, Facts, Nic
from metal.host.wish import ReadyWish
from metal.settings.expectations import Amount, DiskWish, NicWish, spell_size

__all__ = ["differences", "hardware", "met"]

# Makers round; what is fitted and what the kernel counts differ by this part of it at most.
_MEASURED = 0.02
# Page tables and firmware keep more, where only the kernel's share is told.
_KERNELS_SHARE = 0.06


def differences(wish: ReadyWish, facts: Facts) -> tuple[str, ...]:
    """What is not as expected, one line each: processors, memory, kernel, disks, network cards, read-only folders."""
    return tuple(_differences(wish, facts))


def met(wish: ReadyWish) -> tuple[str, ...]:
    """What was asked for and holds, one line each, in words that stay the same for as long as it does."""
    expect = wish.expect
    lines = [f"release {' or '.join(wish.os)}"] if wish.os else []
    lines += [f"processors {(expect.cpus or Amount(at_least=wish.cpus)).spell()}"]
    lines += [f"memory {(expect.memory or Amount(at_least=wish.memory)).spell(spell_size)}"]
    lines += [f"kernel {' or '.join(expect.kernel)}"] if expect.kernel else []
    sorts: tuple[DiskWish | NicWish, ...] = (*expect.disks, *expect.nics)
    lines += [f"{sort}: {sort.count.spell()}" for sort in sorts]
    lines += [f"clock within {wish.clock_skew:g} s{', held by a time service' if expect.time_sync else ''}"]
    return tuple(lines)


def hardware(facts: Facts) -> dict[str, object]:
    """What the machine is made of, without names that another boot may give out otherwise, and without link states."""
    counted = Counter(str(disk) for disk in facts.disks)
    return {
        "cpus": facts.cpus,
        "memory": spell_size(facts.fitted) if facts.fitted else "",
        "disks": [f"{number} x {disk}" for disk, number in sorted(counted.items())],
        "nics": [f"{nic.name} {nic.mac}" for nic in facts.nics],
    }


def _differences(wish: ReadyWish, facts: Facts) -> Iterator[str]:
    expect = wish.expect
    if expect.cpus and not expect.cpus.fits(facts.cpus):
        yield f"it has {facts.cpus} processors; {expect.cpus.spell()}"
    if expect.memory:
        fitted, part = (facts.fitted, _MEASURED) if facts.fitted else (facts.memory, _KERNELS_SHARE)
        if not expect.memory.fits(fitted, within=part):
            yield f"it has {_nearly(fitted)} of memory; {expect.memory.spell(spell_size)}"
    if expect.kernel and not _any(facts.kernel, expect.kernel):
        yield f"its kernel is {facts.kernel}; allowed: {', '.join(expect.kernel)}"
    for disk in expect.disks:
        yield from _counted(disk, [one for one in facts.disks if _is_disk(disk, one)], facts.disks)
    for nic in expect.nics:
        yield from _counted(nic, [one for one in facts.nics if _is_nic(nic, one)], facts.nics)
    if facts.read_only:
        yield f"it cannot be written to under {', '.join(facts.read_only)}: the file system is read-only"


def _counted(sort: DiskWish | NicWish, fitting: Sequence[Disk | Nic], found: Sequence[Disk | Nic]) -> Iterator[str]:
    if not sort.count.fits(len(fitting)):
        names = ", ".join(f"{one.name} {one}" if isinstance(one, Disk) else str(one) for one in found) or "none at all"
        yield f"{sort}: it has {len(fitting)} of them; {sort.count.spell()} (found: {names})"


def _is_disk(wish: DiskWish, disk: Disk) -> bool:
    return all(
        (
            wish.kind is None or disk.kind is wish.kind,
            wish.size is None or wish.size.fits(disk.size, within=_MEASURED),
            not wish.model or fnmatchcase(disk.model.lower(), wish.model.lower()),
            not wish.id or any(fnmatchcase(name, wish.id) for name in disk.ids),
        )
    )


def _is_nic(wish: NicWish, nic: Nic) -> bool:
    return all(
        (
            not wish.name or fnmatchcase(nic.name, wish.name),
            not wish.mac or nic.mac == wish.mac,
            wish.speed is None or (nic.speed is not None and wish.speed.fits(nic.speed)),
        )
    )


def _any(text: str, globs: Iterable[str]) -> bool:
    return any(fnmatchcase(text, glob) for glob in globs)


def _nearly(size: int) -> str:
    return spell_size(size) if size % 2**20 == 0 else f"{size / 2**30:.1f} GiB"
