"""What is wanted of an engine, and what is reported about it."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from metal.pki.authority import FLEET
from metal.plan.renewal import ENGINE_RENEW_DAYS, is_due
from metal.settings.access import Access

__all__ = ["RENEW_BEFORE_DAYS", "TLS_PORT", "EngineReport", "EngineSeen", "EngineWish"]

TLS_PORT = 2376

# A certificate with fewer days left is made anew, with a restart of the engine.
RENEW_BEFORE_DAYS = ENGINE_RENEW_DAYS


@dataclass(frozen=True)
class EngineWish:
    """One host's engine.

    :ivar authority: name of the cluster whose authority signs the certificate; empty for a host without a cluster.
    :ivar ca: rotation number of that authority.
    :ivar package: package name, as the host's package family knows it.
    :ivar version: version or glob.
    :ivar daemon: what the user wants in daemon.json.
    :ivar names: more DNS names for the certificate; the host's own name, its address and localhost are always in it.
    :ivar addresses: more IP addresses for the certificate.
    :ivar keep: the engine is left as it runs: package, configuration, unit and port.
    """

    host: str
    access: Access
    authority: str
    package: str
    version: str
    daemon: Mapping[str, Any] = field(default_factory=dict)
    ca: int = 1
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    keep: bool = False

    @property
    def authority_name(self) -> str:
        return self.authority or FLEET

    def subjects(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Every (name, address) that the engine's certificate is for, each once."""
        names, addresses = [self.host, "localhost", *self.names], ["127.0.0.1", *self.addresses]
        try:
            addresses.append(str(ipaddress.ip_address(self.access.address)))
        except ValueError:
            names.append(self.access.address)
        return tuple(dict.fromkeys(names)), tuple(dict.fromkeys(addresses))


@dataclass(frozen=True)
class EngineReport:
    """The engine as it runs now.

    :ivar version: of the engine, as it says itself.
    :ivar package_version: of the package that holds it.
    :ivar certificate: SHA-256 of the server certificate, 64 hex digits.
    :ivar not_after: end of the certificate, ISO 8601, UTC.
    :ivar authority: SHA-256 of the authority's certificate, 64 hex digits.
    :ivar endpoint: for clients with a certificate of the same authority; empty, like all that is ours, where the engine
        is kept as it runs.
    :ivar restarted: why the engine was restarted by this call; empty when it was not.
    """

    version: str
    package_version: str
    certificate: str
    not_after: str
    authority: str
    endpoint: str
    restarted: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The lasting part, as resource outputs."""
        data = asdict(self)
        del data["restarted"]
        return data


@dataclass(frozen=True)
class EngineSeen:
    """An engine as found.

    :ivar installed: whether the host has its unit.
    :ivar active: whether its unit runs.
    :ivar version: None when it does not answer.
    :ivar swarm: what it says of itself: inactive, pending, active, error or locked; None when it does not answer.
    :ivar certificate: as in the report; None when there is none.
    :ivar not_after: as in the report; None when there is none.
    :ivar drained: it was drained for a change and has not got its work back.
    """

    installed: bool
    active: bool
    version: str | None = None
    swarm: str | None = None
    certificate: str | None = None
    not_after: str | None = None
    drained: bool = False

    def renewal_due(self, now: datetime) -> bool:
        """Whether the certificate ends within :data:`RENEW_BEFORE_DAYS`; False where there is none to be renewed."""
        return is_due(self.not_after, now, days=RENEW_BEFORE_DAYS)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)
