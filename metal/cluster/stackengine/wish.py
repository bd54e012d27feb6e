"""What is wanted of one host in the container manager, and what came of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from metal.settings.access import Access
from metal.settings.fleet import Artifact, Fleet, ManagerDriver

__all__ = ["ManagerNodeReport", "ManagerNodeWish"]


@dataclass(frozen=True)
class ManagerNodeWish:
    """One node of a cluster's container manager.

    :ivar admin: a member of the managing ring, else a node that registers with one.
    :ivar key: profile name of the vendor's key; never the key.
    :ivar artifact: the manager's binary.
    """

    host: str
    access: Access
    cluster: str
    driver: ManagerDriver
    admin: bool
    key: str
    artifact: Artifact

    @classmethod
    def of(cls, fleet: Fleet, host: str) -> ManagerNodeWish:
        """The wish that the settings hold for a host of a cluster.

        :raises KeyError: the host belongs to no cluster, or its cluster has no container manager.
        """
        wanted = fleet.hosts[host]
        manager = fleet.clusters[wanted.cluster].manager if wanted.cluster is not None else None
        if wanted.cluster is None or manager is None or manager.artifact is None:
            raise KeyError(host)
        return cls(
            host=host,
            access=wanted.access,
            cluster=wanted.cluster,
            driver=manager.driver,
            admin=wanted.is_container_manager,
            key=manager.key,
            artifact=manager.artifact,
        )

    @property
    def address(self) -> str:
        return self.access.address


@dataclass(frozen=True)
class ManagerNodeReport:
    """A host that is registered with the ring, and the ring with it.

    :ivar version: as the node's own probe page states it.
    """

    host: str
    cluster: str
    admin: bool
    version: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)
