"""Where a host and its BMC are found, as plain values that can be a resource's inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

__all__ = ["Access", "BmcAddress", "BmcProtocol", "Jump"]


class BmcProtocol(StrEnum):
    IPMI = "ipmi"
    REDFISH = "redfish"


@dataclass(frozen=True)
class Jump:
    """An SSH host that others are reached through.

    :ivar key: profile name of the private key; never the key.
    :ivar host_key: `type base64`, as in a known_hosts line without its host field.
    """

    address: str
    port: int
    user: str
    key: str
    host_key: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Jump:
        return cls(
            address=str(data["address"]),
            port=int(data["port"]),
            user=str(data["user"]),
            key=str(data["key"]),
            host_key=str(data["host_key"]),
        )


@dataclass(frozen=True)
class Access:
    """How one host is reached over SSH.

    :ivar host: inventory name.
    :ivar key: profile name of the private key; never the key.
    :ivar sudo: the user is not root and becomes it by `sudo -n`.
    :ivar host_key: `type base64` where the inventory pins it; None means pinned at first contact.
    """

    host: str
    address: str
    port: int
    user: str
    key: str
    sudo: bool
    host_key: str | None = None
    jump: Jump | None = None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Access:
        """Read back :meth:`to_dict`; numbers may have become floats on the way through an engine."""
        jump = data.get("jump")
        host_key = data.get("host_key")
        return cls(
            host=str(data["host"]),
            address=str(data["address"]),
            port=int(data["port"]),
            user=str(data["user"]),
            key=str(data["key"]),
            sudo=bool(data["sudo"]),
            host_key=str(host_key) if host_key else None,
            jump=Jump.from_dict(jump) if jump else None,
        )


@dataclass(frozen=True)
class BmcAddress:
    """Where one BMC is found.

    :ivar host: inventory name of the host it belongs to.
    :ivar credentials: profile name of user and password; never the password.
    """

    host: str
    address: str
    port: int
    protocol: BmcProtocol
    credentials: str

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "protocol": self.protocol.value}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> BmcAddress:
        """Read back :meth:`to_dict`; numbers may have become floats on the way through an engine."""
        return cls(
            host=str(data["host"]),
            address=str(data["address"]),
            port=int(data["port"]),
            protocol=BmcProtocol(data["protocol"]),
            credentials=str(data["credentials"]),
        )
