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
from metal.settings.fleet import Artifact, Fleet, Identity
from metal.site import Site

__all__ = ["MemberReport", "MemberWish"]


@dataclass(frozen=True)
class MemberWish:
    """One host's place in a Consul datacenter.

    :ivar server: else a client agent.
    :ivar servers: addresses of all wanted servers by host name.
    :ivar artifact: the Consul binary, or the release archive that holds it.
    :ivar identity: rotation numbers of the cluster's CA, gossip key and tokens.
    :ivar life: the machine life that this membership belongs to.
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

    @classmethod
    def of(cls, fleet: Fleet, host: str) -> MemberWish:
        """The wish that the settings hold for a host of a cluster.

        :raises KeyError: the host belongs to no cluster.
        """
        wanted = fleet.hosts[host]
        if wanted.cluster is None or fleet.consul is None:
            raise KeyError(host)
        cluster = fleet.clusters[wanted.cluster]
        return cls(
            host=host,
            access=wanted.access,
            cluster=cluster.name,
            server=wanted.is_consul_server,
            servers={name: fleet.hosts[name].access.address for name in cluster.consul_servers},
            datacenter=cluster.consul.datacenter,
            artifact=fleet.consul,
            identity=cluster.identity,
            life=wanted.life,
        )

    @property
    def address(self) -> str:
        return self.access.address

    def secrets(self, site: Site) -> ClusterSecrets:
        return ClusterSecrets.derive(site.credentials.seed(), self.cluster, self.identity)

    def wanted(self, site: Site) -> Identity:
        """The numbers that the settings want now; of a cluster that is gone from them, those the wish was made with."""
        cluster = site.fleet.clusters.get(self.cluster)
        return cluster.identity if cluster is not None else self.identity

    def keys(self, site: Site) -> AgentKeys:
        """What opens this cluster's agents, also while a rotation is under way."""
        return AgentKeys(site.credentials.seed(), self.cluster, self.wanted(site), self.identity)

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
