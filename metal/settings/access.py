"""Where a host and its BMC are found, as plain values that can be a resource's inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from enum import StrEnum
from typing import Any

__all__ = ["Access", "BmcAddress", "BmcProtocol", "Jump"]


class BmcProtocol(StrEnum):
    IPMI = "ipmi"
    REDFISH = "redfish"
    AUTO = "auto"


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
    :ivar port: of its protocol; with `auto` that of IPMI.
    :ivar credentials: profile name of user and password; never the password.
    :ivar redfish_port: that of Redfish with `auto`.
    :ivar fingerprint: `sha256:` and 64 digits: the one certificate that is taken; empty asks an authority.
    :ivar ca: PEM file of that authority, from the project's folder; empty for the system's own ones.
    :ivar plain_http: Redfish without TLS.
    :ivar system: Id of the host's system where one BMC has several; empty where it has one, or where it follows from
        `serial` or `uuid`.
    """

    host: str
    address: str
    port: int
    protocol: BmcProtocol
    credentials: str
    redfish_port: int = 443
    fingerprint: str = ""
    ca: str = ""
    plain_http: bool = False
    system: str = ""
    serial: str = ""
    uuid: str = ""

    @property
    def place(self) -> tuple[str, int, str]:
        """What two hosts never share."""
        return self.address, self.port, self.system

    def to_dict(self) -> dict[str, Any]:
        """What has its default is left out, so that a BMC made before there was such a key stays as it is."""
        required = {
            "host": self.host,
            "address": self.address,
            "port": self.port,
            "protocol": self.protocol.value,
            "credentials": self.credentials,
        }
        extra = {item.name: getattr(self, item.name) for item in fields(self) if item.name not in required}
        return required | {name: value for name, value in extra.items() if value != _DEFAULTS[name]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> BmcAddress:
        """Read back :meth:`to_dict`; numbers may have become floats on the way through an engine."""
        return cls(
            host=str(data["host"]),
            address=str(data["address"]),
            port=int(data["port"]),
            protocol=BmcProtocol(data["protocol"]),
            credentials=str(data["credentials"]),
            **{name: type(value)(data[name]) for name, value in _DEFAULTS.items() if data.get(name) is not None},
        )


_DEFAULTS: dict[str, Any] = {item.name: item.default for item in fields(BmcAddress) if item.default is not MISSING}
