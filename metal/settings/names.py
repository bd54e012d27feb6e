"""Names that a person gives to a command, held against those that there are: one way to say that one is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from metal.errors import InputError
from metal.settings.fleet import Fleet, HostFacts

__all__ = ["known_names", "named_hosts", "natural"]


def natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts n2 before n10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name) if part]


def known_names(what: str, names: Iterable[str], known: Iterable[str], kind: str) -> tuple[str, ...]:
    """The names, each once, in their order.

    :param what: as the command's help has it ("HOST", "--dead").
    :param kind: of thing that the names are of ("host in the inventory").
    :raises InputError: naming each that is not known, and those that are.
    """
    given, allowed = tuple(dict.fromkeys(names)), sorted(known, key=natural)
    listed = ", ".join(allowed) or "none, there is none"
    unknown = [f"{what} = {name}: no such {kind}; allowed: {listed}" for name in given if name not in allowed]
    if unknown:
        raise InputError(unknown)
    return given


def named_hosts(fleet: Fleet, names: Sequence[str], what: str = "HOST") -> tuple[HostFacts, ...]:
    """The hosts of these names, in a pool or not, each once.

    :raises InputError: as :func:`known_names`.
    """
    known = {**fleet.unmanaged, **fleet.hosts}
    return tuple(known[name] for name in known_names(what, names, known, "host in the inventory"))
