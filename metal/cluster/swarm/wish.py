"""What is wanted of a swarm node, and what is reported about it."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from metal.errors import PlanRefused
from metal.plan.join import Role
from metal.settings.access import Access
from metal.settings.fleet import OnStuck, SwarmWish

__all__ = ["NodeReport", "NodeSeen", "NodeWish"]


@dataclass(frozen=True)
class NodeWish:
    """One host's place in a swarm.

    :ivar labels: node labels; labels that others set on the node are left alone.
    :ivar swarm: the swarm's own settings; those that exist at its birth only are used by the founder.
    :ivar peers: further hosts, by inventory name, that may be managers of the swarm now.
    :ivar keep: its engine is left as it runs; the swarm's port is offered only where the engine was ours before.
    :ivar availability: active, pause or drain.
    :ivar on_stuck: what its pool said in the last update of a drain that gets stuck.
    :ivar former: id of a swarm that is given up: a node found in it leaves it for the recorded one.
    """

    host: str
    access: Access
    cluster: str
    role: Role
    swarm: SwarmWish
    labels: Mapping[str, str] = field(default_factory=dict)
    peers: tuple[str, ...] = ()
    keep: bool = False
    availability: str = "active"
    on_stuck: OnStuck = OnStuck.WAIT
    former: str | None = None

    @property
    def advertise(self) -> str:
        """What the engine is told to advertise: an interface of the host, or its address.

        :raises PlanRefused: when the inventory knows the host by a name only.
        """
        if self.swarm.interface:
            return self.swarm.interface
        try:
            return str(ipaddress.ip_address(self.access.address))
        except ValueError:
            raise PlanRefused(
                f"its address is a name ({self.access.address}), and a swarm needs a fixed address to advertise",
                host=self.host,
                next_step="give its IP address in the inventory, or set swarm.interface of the cluster",
            ) from None


@dataclass(frozen=True)
class NodeReport:
    """The node as it is in the swarm now.

    :ivar swarm: id of the swarm.
    :ivar node: id of the node; new with every join.
    :ivar address: what the managers know as the node's address.
    :ivar endpoint: for clients with a certificate, on managers; empty on workers.
    """

    swarm: str
    node: str
    role: Role
    address: str
    endpoint: str

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "role": self.role.value}


@dataclass(frozen=True)
class NodeSeen:
    """The node as found, by its own engine and by the managers.

    :ivar local: the engine's own word: inactive, pending, active, error or locked.
    :ivar node: its id in its swarm, None where it has none.
    :ivar swarm: id of the swarm it is in, None where that is not known.
    :ivar role: its role, None where it has none.
    :ivar state: the managers' word: ready, down, unknown or disconnected; None where no manager answers or lists it.
    :ivar availability: active, pause or drain; None as above.
    :ivar reachable: whether the other managers reach it as a manager; None for a worker.
    :ivar leader: whether it leads the managers.
    """

    local: str
    node: str | None
    swarm: str | None
    role: Role | None
    state: str | None = None
    availability: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    reachable: bool | None = None
    leader: bool = False

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "role": self.role.value if self.role else None, "labels": dict(self.labels)}
