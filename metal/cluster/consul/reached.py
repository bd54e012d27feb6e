"""The birth record reached anew for every call: through the host's own agent, else through any living server."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from metal.cluster.consul.api import ConsulApi
from metal.cluster.consul.living import living_api, member_api
from metal.cluster.consul.record import ConsulRecord
from metal.cluster.consul.wish import NO_ARTIFACT, MemberWish
from metal.errors import ClusterError, HostError
from metal.plan.join import BirthRecord
from metal.settings.access import Access
from metal.settings.external import ExternalConsul
from metal.settings.fleet import Identity
from metal.site import Site

__all__ = ["ReachedRecord"]

T = TypeVar("T")

# The own agent answers at once or not at all; then the servers are asked.
_OWN_SECONDS = 8.0


class ReachedRecord:
    """A swarm's record for as long as one host joins or leaves, over Consul restarts and lost connections.

    A host enters Consul before its swarm and leaves it after, so its own agent is there to be asked, also when the
    cluster is gone from the settings.

    :param identity: rotation numbers that the host's agent was set up with.
    :param external: the existing Consul that the cluster uses.
    :param patience: seconds for finding a living server when the own agent does not answer; 0 asks nobody else.
    """

    def __init__(
        self,
        site: Site,
        cluster: str,
        *,
        host: str,
        access: Access,
        identity: Identity,
        patience: float,
        external: ExternalConsul | None = None,
    ) -> None:
        self._site = site
        self._cluster = cluster
        self._patience = patience
        wanted = site.fleet.clusters.get(cluster)
        servers = {name: site.access(name).address for name in wanted.consul_servers} if wanted else {}
        # Only for reaching agents: nothing is installed or configured by this wish.
        self._wish = MemberWish(
            host=host,
            access=access,
            cluster=cluster,
            server=False,
            servers=servers,
            datacenter="",
            artifact=NO_ARTIFACT,
            identity=identity,
            life="",
            external=external,
        )

    def read(self) -> BirthRecord | None:
        """As :meth:`ConsulRecord.read`.

        :raises ClusterError: neither the own agent nor a living server answers.
        """
        return self._ask(lambda record: record.read())

    def claim(self, host: str, *, replacing: BirthRecord | None) -> bool:
        return self._ask(lambda record: record.claim(host, replacing=replacing))

    def complete(self, host: str, swarm: str, *, replacing: BirthRecord | None) -> bool:
        return self._ask(lambda record: record.complete(host, swarm, replacing=replacing))

    def gossip(self, host: str) -> str:
        return self._ask(lambda record: record.gossip(host))

    def forget(self, *, replacing: BirthRecord) -> bool:
        return self._ask(lambda record: record.forget(replacing=replacing))

    def _ask(self, call: Callable[[ConsulRecord], T]) -> T:
        if self._wish.is_guest:
            # An existing Consul stays when the cluster goes, so it is waited for in every case.
            patience = self._patience or self._site.fleet.deadlines.evict
            with living_api(self._site, self._wish, deadline=self._site.run.deadline(patience)) as api:
                return call(self._record(api))
        if self._is_gone():
            return self._ask_others(call)
        try:
            deadline = self._site.run.deadline(_OWN_SECONDS)
            with member_api(self._site, self._wish, self._wish.host, deadline=deadline) as api:
                return call(self._record(api))
        except (HostError, ClusterError):
            if not self._patience and self._wish.external is None:
                raise
        return self._ask_others(call)

    def _is_gone(self) -> bool:
        """The host is not to be asked: given up, or found dead in this run."""
        facts = self._site.fleet.facts(self._wish.host)
        return bool(facts and facts.given_up) or self._site.deaths.known(self._wish.host) is not None

    def _ask_others(self, call: Callable[[ConsulRecord], T]) -> T:
        with living_api(
            self._site,
            self._wish,
            without=self._wish.host,
            deadline=self._site.run.deadline(self._patience or self._site.fleet.deadlines.evict),
        ) as api:
            return call(self._record(api))

    def _record(self, api: ConsulApi) -> ConsulRecord:
        return ConsulRecord(api, self._cluster)
