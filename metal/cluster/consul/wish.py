"""What is wanted of one host in Consul, and what came of it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from metal.cluster.consul.keys import AgentKeys
from metal.pki.authority import Authority
from metal.pki.secrets import ClusterSecrets
from metal.settings.access import Access
from metal.settings.consul_secret import ConsulSecret
from metal.settings.external import Agents, ExternalConsul
from metal.settings.fleet import Artifact, Fleet, Identity
from metal.site import Site

__all__ = ["NO_ARTIFACT", "MemberReport", "MemberWish"]

NO_ARTIFACT = Artifact("", "")
"""For a host that gets no agent of ours."""


@dataclass(frozen=True)
class MemberWish:
    """One host's place in a Consul datacenter.

    :ivar server: else a client agent.
    :ivar servers: addresses of all wanted servers by host name.
    :ivar artifact: the Consul binary, or the release archive that holds it.
    :ivar identity: rotation numbers of the cluster's CA, gossip key and tokens.
    :ivar life: the machine life that this membership belongs to.
    :ivar external: the existing Consul that the cluster uses; None for one of our own.
    """

    host: str
    access: Access
    cluster: str
    server: bool
    servers: Mapping[str, str]
    datacenter: str
    artifact: Artifact
    identity: Identity
    life: str
    external: ExternalConsul | None = None

    @classmethod
    def of(cls, fleet: Fleet, host: str) -> MemberWish:
        """The wish that the settings hold for a host of a cluster.

        :raises KeyError: the host belongs to no cluster.
        """
        wanted = fleet.hosts[host]
        if wanted.cluster is None:
            raise KeyError(host)
        cluster = fleet.clusters[wanted.cluster]
        external = cluster.consul.external
        has_agent = external is None or external.agents is Agents.MANAGED
        if has_agent and fleet.consul is None:
            raise KeyError(host)
        return cls(
            host=host,
            access=wanted.access,
            cluster=cluster.name,
            server=wanted.is_consul_server,
            servers={name: fleet.hosts[name].access.address for name in cluster.consul_servers},
            datacenter=cluster.consul.datacenter,
            artifact=fleet.consul if has_agent and fleet.consul else NO_ARTIFACT,
            identity=cluster.identity,
            life=wanted.life,
            external=external,
        )

    @classmethod
    def asking(cls, fleet: Fleet, cluster: str) -> MemberWish:
        """A wish to ask a cluster of the settings with, in the name of one that should know."""
        wanted = fleet.clusters[cluster]
        return cls.of(fleet, (wanted.consul_servers or wanted.managers)[0])

    @property
    def address(self) -> str:
        return self.access.address

    @property
    def is_guest(self) -> bool:
        """The host stands in an existing Consul and has no agent of ours."""
        return self.external is not None and self.external.agents is Agents.NONE

    def outside(self, site: Site) -> ConsulSecret:
        """What an existing Consul asks for; empty for one of our own."""
        if self.external is None or not self.external.credentials:
            return ConsulSecret()
        return site.credentials.consul(self.external.credentials)

    def token(self, site: Site) -> str:
        """The secret id that opens the cluster's Consul to us; empty where it has no ACLs."""
        return self.outside(site).token if self.external else self.secrets(site).management_token

    def secrets(self, site: Site) -> ClusterSecrets:
        return ClusterSecrets.derive(site.credentials.seed(), self.cluster, self.identity)

    def wanted(self, site: Site) -> Identity:
        """The numbers that the settings want now; of a cluster that is gone from them, those the wish was made with."""
        cluster = site.fleet.clusters.get(self.cluster)
        return cluster.identity if cluster is not None else self.identity

    def keys(self, site: Site) -> AgentKeys:
        """What opens this cluster's agents, also while a rotation is under way."""
        outside = self.outside(site).token if self.external else None
        return AgentKeys(site.credentials.seed(), self.cluster, self.wanted(site), self.identity, outside)

    def authority(self, site: Site) -> Authority:
        return Authority.of(site.credentials.seed(), self.cluster, self.identity.ca)

    def node_id(self, secrets: ClusterSecrets) -> str:
        """The same in every life of the host: a reinstalled one takes its old place."""
        return str(uuid.uuid5(uuid.UUID(secrets.uuid), f"consul/{self.host}"))


@dataclass(frozen=True)
class MemberReport:
    """A host that is registered in Consul.

    :ivar node_id: stable over reinstalls.
    :ivar version: of the running agent.
    :ivar not_after: end of its certificate, ISO 8601, UTC.
    :ivar unfinished: what keeps a rotation from its end; empty where nothing does.
    """

    host: str
    cluster: str
    datacenter: str
    node_id: str
    server: bool
    version: str
    not_after: str = ""
    unfinished: str = ""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)
