"""What was seen of a running swarm and its hosts, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from metal.host.marker import Marker

__all__ = ["ConsulSight", "EngineSight", "HostSight", "ManagerSight", "NodeSight", "Sight", "SwarmSight"]


@dataclass(frozen=True)
class SwarmSight:
    """:ivar pools: CIDRs that overlay networks are cut from."""

    id: str
    pools: tuple[str, ...]
    subnet_size: int
    data_path_port: int


@dataclass(frozen=True)
class NodeSight:
    """One line of the managers' list.

    :ivar name: host name that its engine reported.
    :ivar address: IP address that the managers know it by.
    :ivar state: ready, down, unknown or disconnected.
    :ivar labels: all of them, ours too.
    """

    id: str
    name: str
    address: str
    manager: bool
    state: str
    availability: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class EngineSight:
    """:ivar package: that holds it; empty where no package does.
    :ivar version: of the package.
    :ivar daemon: daemon.json without what is ours.
    :ivar ours: it was set up by us.
    :ivar cluster, ca: of its certificate's authority where it is ours: cluster's name and rotation number.
    :ivar port: the swarm's port with mutual TLS on a manager of ours; 0 elsewhere.
    """

    package: str
    version: str
    daemon: Mapping[str, Any] = field(default_factory=dict)
    ours: bool = False
    cluster: str = ""
    ca: int = 1
    port: int = 0


@dataclass(frozen=True)
class ConsulSight:
    """A Consul agent on a host.

    :ivar ours: it was set up by us.
    :ivar api: URL that it answers at, on the host itself; empty where it does not.
    :ivar datacenter: empty where it does not say.
    :ivar acls: it asks for a token.
    :ivar sha256: digest to name in the settings: of the program, or of the archive that it came out of.
    :ivar archive: the digest is an archive's.
    """

    ours: bool
    api: str
    datacenter: str
    server: bool
    version: str
    acls: bool
    sha256: str = ""
    archive: bool = False


@dataclass(frozen=True)
class ManagerSight:
    """A container manager of ours on a host.

    :ivar admin: it is in the ring.
    :ivar sha256: of its program.
    """

    admin: bool
    sha256: str


@dataclass(frozen=True)
class HostSight:
    """One host of the swarm.

    :ivar unreached: why nothing but its line in the managers' list is known; empty where it was looked at.
    :ivar address: that it was reached at.
    :ivar host_key: `type base64` that it showed.
    """

    node: NodeSight
    unreached: str = ""
    address: str = ""
    host_key: str = ""
    release: str = ""
    serial: str | None = None
    uuid: str | None = None
    macs: tuple[str, ...] = ()
    marker: Marker | None = None
    engine: EngineSight = EngineSight("", "")
    consul: ConsulSight | None = None
    manager: ManagerSight | None = None


@dataclass(frozen=True)
class Sight:
    """:ivar hosts: by name, managers first."""

    swarm: SwarmSight
    hosts: tuple[HostSight, ...]
