"""An existing Consul that a cluster uses instead of one of our own, as plain values."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

__all__ = ["Agents", "ExternalConsul", "is_loopback"]


class Agents(StrEnum):
    """Whether each host of the cluster gets an agent of ours, a client of the existing datacenter."""

    NONE = "none"
    MANAGED = "managed"


@dataclass(frozen=True)
class ExternalConsul:
    """Where an existing Consul answers, and how our hosts stand in it.

    :ivar api: URL of its HTTP API, without a path.
    :ivar through: hosts of the inventory from which `api` is reached, over SSH, in this order. Empty: reached directly,
        or, for a loopback address, through the hosts of the cluster.
    :ivar servers: addresses that agents of ours join; empty without agents of ours.
    :ivar credentials: profile of its token, gossip key and certificates; empty where it has none of them.
    """

    api: str
    through: tuple[str, ...]
    agents: Agents
    servers: tuple[str, ...]
    credentials: str

    @property
    def endpoint(self) -> tuple[str, int]:
        """Host and port of the API."""
        parts = urlsplit(self.api)
        return str(parts.hostname), parts.port or (443 if parts.scheme == "https" else 80)

    @property
    def is_local(self) -> bool:
        """The API is that of an agent on the very host that is asked."""
        return is_loopback(self.endpoint[0])

    def to_dict(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "through": list(self.through),
            "servers": list(self.servers),
            "agents": self.agents.value,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ExternalConsul:
        return cls(
            api=str(data["api"]),
            through=tuple(str(name) for name in data["through"]),
            agents=Agents(data["agents"]),
            servers=tuple(str(address) for address in data["servers"]),
            credentials=str(data["credentials"]),
        )


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
