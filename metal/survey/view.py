"""What a survey found, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from metal.plan.word import Word

__all__ = ["LAYERS", "FleetSurvey", "HostSurvey", "Word"]

LAYERS = ("power", "ready", "engine", "consul", "swarm", "manager")


@dataclass(frozen=True)
class HostSurvey:
    """One host. The words stand in the order of :data:`LAYERS`."""

    host: str
    address: str
    purpose: str
    cluster: str | None
    power: Word
    ready: Word
    engine: Word
    consul: Word
    swarm: Word
    manager: Word

    @property
    def good(self) -> bool:
        return not any(getattr(self, layer).good is False for layer in LAYERS)

    def to_dict(self) -> dict[str, Any]:
        layers = {layer: getattr(self, layer).to_dict() for layer in LAYERS}
        return {
            "address": self.address,
            "purpose": self.purpose,
            "cluster": self.cluster,
            "good": self.good,
            **layers,
        }


@dataclass(frozen=True)
class FleetSurvey:
    """Every host of the settings by name, and what is known to a cluster that the settings do not want there.

    :ivar strangers: one line each: a node of a swarm, of Consul or of a controller that no setting asks for.
    """

    hosts: dict[str, HostSurvey]
    strangers: tuple[str, ...] = field(default=())

    @property
    def good(self) -> bool:
        return not self.strangers and all(host.good for host in self.hosts.values())

    def to_dict(self) -> dict[str, Any]:
        return {
            "good": self.good,
            "hosts": {name: host.to_dict() for name, host in self.hosts.items()},
            "strangers": list(self.strangers),
        }
