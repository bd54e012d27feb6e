"""How a living cluster is moved over to new secrets: what comes next, decided from what its members have now. Pure.

Every phase follows from what is seen, so a run that ends anywhere is resumed by the next one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = [
    "CaMember",
    "CaPhase",
    "CaStep",
    "Keyring",
    "KeyringStep",
    "KeyringVerb",
    "ca_step",
    "candidates",
    "is_behind",
    "keyring_step",
    "lowered",
    "raised",
]


def candidates(wanted: int, *known: int) -> tuple[int, ...]:
    """Every rotation number that may still be in use, the likeliest first: wanted, known from before, all the rest."""
    return tuple(dict.fromkeys((wanted, *known, *range(max(wanted, *known, 1), 0, -1))))


def raised(old: Mapping[str, int], new: Mapping[str, int]) -> tuple[str, ...]:
    """What an edit rotates, in words; a number that is not named is 1."""
    kinds = sorted(kind for kind in {*old, *new} if new.get(kind, 1) > old.get(kind, 1))
    return tuple(f"rotates {kind}: {old.get(kind, 1)} -> {new.get(kind, 1)}" for kind in kinds)


def lowered(old: Mapping[str, int], new: Mapping[str, int]) -> tuple[str, ...]:
    """Kinds whose number goes down: what was shut out would be let in again."""
    return tuple(sorted(kind for kind in {*old, *new} if new.get(kind, 1) < old.get(kind, 1)))


def is_behind(noted: str | None, wanted: int) -> bool:
    """Whether a rotation is still to be done, by the number that was noted with the last one; none was, before any."""
    return wanted > (int(noted) if noted is not None and noted.isdigit() else 1)


class KeyringVerb(StrEnum):
    INSTALL = "install"
    USE = "use"
    REMOVE = "remove"


@dataclass(frozen=True)
class Keyring:
    """The keyrings of all members that gossip sees.

    :ivar members: how many there are.
    :ivar keys: how many have each key.
    :ivar primary: how many encrypt with each key.
    """

    members: int
    keys: Mapping[str, int] = field(repr=False)
    primary: Mapping[str, int] = field(repr=False)


@dataclass(frozen=True)
class KeyringStep:
    verb: KeyringVerb
    key: str = field(repr=False)


def keyring_step(wanted: str, seen: Keyring) -> KeyringStep | None:
    """Install everywhere, then use everywhere, then remove every other key; None when only `wanted` is left.

    A member that is away has no say: it gets the key with its own next update.
    """
    if seen.keys.get(wanted, 0) < seen.members:
        return KeyringStep(KeyringVerb.INSTALL, wanted)
    if seen.primary.get(wanted, 0) < seen.members:
        return KeyringStep(KeyringVerb.USE, wanted)
    old = sorted(key for key in seen.keys if key != wanted)
    return KeyringStep(KeyringVerb.REMOVE, old[0]) if old else None


@dataclass(frozen=True)
class CaMember:
    """One member's certificates.

    :ivar trusts: rotation numbers of the authorities it trusts.
    :ivar leaf: number of the authority that signed its own certificate; None for none of ours.
    """

    trusts: frozenset[int]
    leaf: int | None


class CaPhase(StrEnum):
    TRUST = "trust"
    LEAF = "leaf"
    DROP = "drop"
    DONE = "done"
    BLOCKED = "blocked"


@dataclass(frozen=True)
class CaStep:
    """:ivar hosts: whom the phase is about, sorted; for `blocked`, who keeps the old authority in use."""

    phase: CaPhase
    hosts: tuple[str, ...] = ()


def ca_step(wanted: int, members: Mapping[str, CaMember], silent: Collection[str] = ()) -> CaStep:
    """Trust both everywhere, then new certificates everywhere, then drop the old authority.

    The next authority is trusted ahead, so that what is restarted for its certificate needs only one restart.

    :param silent: members that take part and cannot be asked: nobody may show them a certificate that they might not
        trust, nor stop trusting theirs.
    """
    lacking = sorted(name for name, seen in members.items() if wanted not in seen.trusts)
    if lacking:
        return CaStep(CaPhase.TRUST, tuple(lacking))
    unsigned = sorted(name for name, seen in members.items() if seen.leaf != wanted)
    final = frozenset({wanted, wanted + 1})
    behind = sorted(name for name, seen in members.items() if seen.trusts != final)
    if silent and (unsigned or behind):
        return CaStep(CaPhase.BLOCKED, tuple(sorted(silent)))
    if unsigned:
        return CaStep(CaPhase.LEAF, tuple(unsigned))
    return CaStep(CaPhase.DROP, tuple(behind)) if behind else CaStep(CaPhase.DONE)
