"""The line in Consul's KV store that says which swarm a cluster has, written by check-and-set."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager

from metal.cluster.consul.api import ConsulApi
from metal.cluster.consul.living import living_api
from metal.cluster.consul.wish import MemberWish
from metal.errors import ClusterError
from metal.plan.join import BirthRecord
from metal.site import Site

__all__ = ["ConsulRecord", "open_record", "record_key"]


def record_key(cluster: str) -> str:
    return f"metalswarm/{cluster}/swarm"


class ConsulRecord:
    """One cluster's birth record. Every write names the value it was decided on and loses against any other writer."""

    def __init__(self, api: ConsulApi, cluster: str) -> None:
        self._api = api
        self._key = record_key(cluster)

    def read(self) -> BirthRecord | None:
        """The record as the leader has it; None where no birth was ever recorded."""
        return self._read()[0]

    def claim(self, host: str, *, replacing: BirthRecord | None) -> bool:
        """Write that `host` is giving birth to the swarm; False when the record is not `replacing` any more."""
        return self._write(BirthRecord(host), replacing)

    def complete(self, host: str, swarm: str, *, replacing: BirthRecord | None) -> bool:
        """Write the id of the swarm that runs on `host`; False when the record is not `replacing` any more."""
        return self._write(BirthRecord(host, swarm), replacing)

    def forget(self, *, replacing: BirthRecord) -> bool:
        """Remove the record; False when it is not `replacing` any more."""
        seen, index = self._read()
        if seen != replacing:
            return False
        return bool(self._api.delete(f"kv/{self._key}", cas=str(index)))

    def gossip(self, host: str) -> str:
        """The state of the host's serf check, gossip's own word; empty where the catalogue has no such host."""
        checks = self._api.get(f"health/node/{host}") or []
        return next((str(check["Status"]) for check in checks if check["CheckID"] == "serfHealth"), "")

    def _read(self) -> tuple[BirthRecord | None, int]:
        answer = self._api.get(f"kv/{self._key}", consistent="")
        if not answer:
            return None, 0
        entry = answer[0]
        text = base64.b64decode(entry["Value"] or "").decode("utf-8", "replace")
        return _parse(self._key, text), int(entry["ModifyIndex"])

    def _write(self, record: BirthRecord, replacing: BirthRecord | None) -> bool:
        seen, index = self._read()
        if seen != replacing:
            return False
        body = json.dumps({"founder": record.founder, "swarm": record.swarm}).encode()
        # cas=0 writes only where there is no entry yet.
        return bool(self._api.put(f"kv/{self._key}", body, cas=str(index)))


@contextmanager
def open_record(site: Site, cluster: str) -> Iterator[ConsulRecord]:
    """The birth record of a cluster of the settings, through a server that knows a leader.

    :raises ClusterError: none within the deadline `consul`.
    """
    wish = MemberWish.asking(site.fleet, cluster)
    with living_api(site, wish, deadline=site.run.deadline(site.fleet.deadlines.consul)) as api:
        yield ConsulRecord(api, cluster)


def _parse(key: str, text: str) -> BirthRecord:
    try:
        fields = json.loads(text)
        founder, swarm = fields["founder"], fields["swarm"]
    except (ValueError, KeyError, TypeError):
        raise ClusterError(
            f"the record {key} in Consul is not one of ours",
            seen=text[:200],
            next_step=f"look who wrote it; if the swarm is to be recorded anew: consul kv delete {key}",
        ) from None
    return BirthRecord(str(founder), None if swarm is None else str(swarm))
