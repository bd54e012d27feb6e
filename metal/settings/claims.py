"""Servers that two stacks claim, found in their settings alone."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping

from metal.settings.fleet import Fleet, HostWish

__all__ = ["claimed_twice"]


def claimed_twice(stacks: Mapping[str, Fleet]) -> tuple[str, ...]:
    """One line for every server that hosts of two stacks stand for, whatever they are called there.

    A stack claims the hosts in its pools. Two hosts are one server when address, BMC, serial, uuid or a MAC agrees.

    :param stacks: resolved settings by the name of their file.
    """
    lines = []
    seen: dict[tuple[str, Hashable], tuple[str, HostWish]] = {}
    for file, fleet in stacks.items():
        told: set[tuple[str, str]] = set()
        own: list[tuple[tuple[str, Hashable], HostWish]] = []
        for host in fleet.hosts.values():
            for trait in _traits(host):
                own.append((trait, host))
                other_file, other = seen.get(trait, ("", host))
                if other_file and (host.name, other_file) not in told:
                    told.add((host.name, other_file))
                    lines.append(_line(file, host, other_file, other, trait[0]))
        for trait, host in own:
            seen.setdefault(trait, (file, host))
    return tuple(lines)


def _traits(host: HostWish) -> Iterator[tuple[str, Hashable]]:
    yield "address", (host.access.address, host.access.jump)
    if host.bmc:
        yield "BMC", host.bmc.place
    if host.serial:
        yield "serial", host.serial.lower()
    if host.uuid:
        yield "uuid", host.uuid.lower()
    for mac in host.macs:
        yield "MAC", mac.lower()


def _line(file: str, host: HostWish, other_file: str, other: HostWish, trait: str) -> str:
    alias = "" if host.name == other.name else f" as {other.name}"
    return (
        f"{file}: pools.{host.pool}: {host.name} is claimed by {other_file} too{alias} "
        f"(pools.{other.pool}; the same {trait}); allowed: one stack for each server"
    )
