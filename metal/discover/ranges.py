"""Addresses to look at, from what a person writes: networks, ranges and lists. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from metal.errors import InputError

__all__ = ["MOST", "parse_ranges"]

MOST = 65536
"""Addresses in one run; a /16."""

_ALLOWED = "a network (10.9.1.0/24), a range (10.9.1.10-10.9.1.40 or 10.9.1.10-40), an address, or several with commas"
_NARROWER = (
    "name the network of the BMCs alone, or the parts of a larger one in a run each: metalswarm discover 10.9.0.0/16"
)
_SHORT = re.compile(r"(\d+\.\d+\.\d+\.)(\d+)-(\d{1,3})")


def parse_ranges(texts: Iterable[str]) -> tuple[str, ...]:
    """The addresses, in order, each once; of a network without those that belong to no single machine.

    :raises InputError: with every part that is not understood; or there are more than :data:`MOST`.
    """
    parts = [part for text in texts for part in re.split(r"[,\s]+", text) if part]
    problems: list[str] = []
    spans: list[tuple[int, int, type[IPv4Address] | type[IPv6Address]]] = []
    for part in parts:
        try:
            spans.append(_span(part))
        except ValueError as error:
            problems.append(f"RANGE = {part}: {error}; allowed: {_ALLOWED}")
    if not parts:
        problems.append(f"RANGE: is empty; allowed: {_ALLOWED}")
    total = sum(last - first + 1 for first, last, _ in spans)
    if total > MOST:
        whole = f"RANGE = {','.join(parts)}: {'is' if len(parts) == 1 else 'are together'} {total} addresses"
        problems.append(f"{whole}; allowed: at most {MOST} in one run, as many as a /16 has")
    if problems:
        raise InputError(problems, next_step=_NARROWER if total > MOST else None)
    return tuple(dict.fromkeys(str(kind(number)) for first, last, kind in spans for number in range(first, last + 1)))


def _span(part: str) -> tuple[int, int, type[IPv4Address] | type[IPv6Address]]:
    if "/" in part:
        try:
            network = ip_network(part)
        except ValueError:
            raise ValueError("is not a network, or has bits set beyond its length") from None
        first, last = int(network[0]), int(network[-1])
        if network.version == 4 and network.prefixlen < 31:
            first, last = first + 1, last - 1
        return first, last, type(network[0])
    if short := _SHORT.fullmatch(part):
        part = f"{short[1]}{short[2]}-{short[1]}{short[3]}"
    begin, _, end = part.partition("-")
    try:
        low, high = ip_address(begin), ip_address(end or begin)
    except ValueError:
        raise ValueError("is not understood") from None
    if low.version != high.version:
        raise ValueError("goes from IPv4 to IPv6")
    if int(low) > int(high):
        raise ValueError("ends before it begins")
    return int(low), int(high), type(low)
