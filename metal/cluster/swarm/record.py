"""Where the identity of a cluster's swarm is written down, outside of the swarm."""

from __future__ import annotations

from typing import Protocol

from metal.plan.join import BirthRecord

__all__ = ["SwarmRecord"]


class SwarmRecord(Protocol):
    """One cluster's line, changed only by check-and-set; `metal.cluster.consul.record` keeps it in Consul.

    Each write is made against the value that was read before: when another writer was faster it returns False and
    changes nothing, and the caller looks again.
    """

    def read(self) -> BirthRecord | None:
        """The record as it is now, read consistently; None where no birth was ever recorded."""

    def claim(self, host: str, *, replacing: BirthRecord | None) -> bool:
        """Write that `host` is giving birth to the swarm."""

    def complete(self, host: str, swarm: str, *, replacing: BirthRecord | None) -> bool:
        """Write the id of the swarm that runs on `host`."""

    def gossip(self, host: str) -> str:
        """What the store's own gossip says of a host: passing or critical; empty where it does not know the host."""

    def forget(self, *, replacing: BirthRecord) -> bool:
        """Remove the record: the swarm it names is gone for good."""
