"""Which Consul servers are older than a version."""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["servers_behind"]


def servers_behind(version: str, servers: Mapping[str, str]) -> tuple[str, ...]:
    """Names of the servers that run less than `version`, sorted.

    A version without three numbers in front tells nothing, so nothing is behind it.

    :param servers: version by name, as the agents say it ("1.15.4", "1.16.0-dev").
    """
    wanted = _numbers(version)
    if wanted is None:
        return ()
    return tuple(sorted(name for name, said in servers.items() if (found := _numbers(said)) and found < wanted))


def _numbers(version: str) -> tuple[int, ...] | None:
    found = re.match(r"v?(\d+)\.(\d+)\.(\d+)", version)
    return tuple(map(int, found.groups())) if found else None
