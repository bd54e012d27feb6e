"""Which hosts are in a cluster's ring, written down in Consul: what keeps a second ring from being founded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from metal.cluster.consul import MemberWish, living_api
from metal.cluster.consul.api import ConsulApi
from metal.site import Site

__all__ = ["RingRecord", "open_ring_record"]


class RingRecord:
    """One key for each ring member, with its address."""

    def __init__(self, api: ConsulApi, cluster: str) -> None:
        self._api = api
        self._folder = f"metalswarm/{cluster}/ring/"

    def read(self) -> frozenset[str]:
        """Names of the recorded ring members."""
        keys = self._api.get(f"kv/{self._folder}", keys="", consistent="") or []
        return frozenset(str(key).removeprefix(self._folder) for key in keys)

    def add(self, host: str, address: str) -> None:
        self._api.put(f"kv/{self._folder}{host}", address.encode())

    def remove(self, host: str) -> None:
        self._api.delete(f"kv/{self._folder}{host}")


@contextmanager
def open_ring_record(site: Site, cluster: str) -> Iterator[RingRecord]:
    """The record of a cluster of the settings.

    :raises ClusterError: no Consul server knows a leader within the deadline `consul`.
    """
    wish = MemberWish.asking(site.fleet, cluster)
    with living_api(site, wish, deadline=site.run.deadline(site.fleet.deadlines.consul)) as api:
        yield RingRecord(api, cluster)
