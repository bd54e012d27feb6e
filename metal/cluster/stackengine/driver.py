"""What a container manager must offer to be installed by this room: the contract behind `manager.driver`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from metal.errors import PlanRefused
from metal.host.ssh import Ssh
from metal.settings.fleet import Artifact, ManagerDriver
from metal.waiting import Deadline

__all__ = ["Driver", "ManagerApi", "NodeSettings", "RingNode", "Running", "driver_for", "register_driver"]


@dataclass(frozen=True)
class NodeSettings:
    """The four inputs of a node, and its binary.

    :ivar key: the vendor's key.
    :ivar seed: address of the ring member to register with; None only for the one that founds the ring.
    :ivar bind: address to serve on and to be known by.
    """

    key: str = field(repr=False)
    admin: bool
    seed: str | None
    bind: str
    artifact: Artifact


@dataclass(frozen=True)
class Running:
    """How a node was set up on its host before.

    :ivar has_data: it has been in a ring, or has at least been started.
    """

    admin: bool
    seed: str | None
    bind: str
    has_data: bool


@dataclass(frozen=True)
class RingNode:
    """One node as another one shows it.

    :ivar active: heard of lately.
    :ivar registered_with: name of the ring member that took it in.
    """

    name: str
    address: str
    admin: bool
    active: bool
    registered_with: str


class ManagerApi(Protocol):
    """One node's API, open for the length of a block. Errors are :class:`metal.errors.ClusterError`."""

    def version(self) -> str:
        """What its probes answer; raises while it does not serve."""

    def nodes(self) -> tuple[RingNode, ...]:
        """Every node that it knows, itself included."""

    def enter(self, key: str, *, use: bool) -> None:
        """Have the running node accept another key as well, and with `use` show that one to other nodes."""

    def remove(self, name: str) -> bool:
        """Deregister another node, in the whole ring; False when it was not registered."""


class Driver(Protocol):
    """One kind of container manager. Every method can be repeated."""

    def observe(self, ssh: Ssh) -> Running | None:
        """How the node is set up now; None where it is not."""

    def key_of(self, ssh: Ssh) -> str | None:
        """The key that the node's configuration holds (secret); None where it has none."""

    def ensure(self, ssh: Ssh, settings: NodeSettings, *, deadline: Deadline) -> bool:
        """Install, configure and start; restarts only for a change. True when it was started or restarted."""

    def stop(self, ssh: Ssh, *, deadline: Deadline) -> None:
        """Stop it for good; it stays registered."""

    def clear(self, ssh: Ssh, *, deadline: Deadline) -> None:
        """Stop it and take key, configuration and data off the host."""

    def open(self, ssh: Ssh, key: str) -> AbstractContextManager[ManagerApi]:
        """The API of the node on a host."""


_makers: dict[ManagerDriver, Callable[[], Driver]] = {}


def register_driver(kind: ManagerDriver, make: Callable[[], Driver]) -> None:
    """Offer a driver under its name in the settings."""
    _makers[kind] = make


def driver_for(kind: ManagerDriver) -> Driver:
    """The driver of that name.

    :raises PlanRefused: `none`, or one that is not built in.
    """
    make = _makers.get(kind)
    if make is None:
        raise PlanRefused(
            f"there is no container manager to install for driver {kind.value!r}",
            next_step=f"manager.driver may be one of: {', '.join(sorted(_makers))}",
        )
    return make()
