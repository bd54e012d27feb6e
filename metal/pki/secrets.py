"""What the members of one cluster share: identity, gossip key and tokens, all derived."""

from __future__ import annotations

import base64
import hashlib
import uuid
from dataclasses import dataclass, field
from typing import Protocol

from metal.pki.derive import derive

__all__ = ["ClusterSecrets", "Rotation", "fingerprint"]


class Rotation(Protocol):
    """How often each kind of secret was rotated; raising a number makes a new one."""

    @property
    def ca(self) -> int: ...
    @property
    def gossip(self) -> int: ...
    @property
    def acl(self) -> int: ...


def fingerprint(secret: str | bytes) -> str:
    """Return 12 hex digits that tell two random secrets apart and reveal neither.

    Only for secrets with full entropy: a short password could be found again by trying.
    """
    raw = secret.encode() if isinstance(secret, str) else secret
    return hashlib.sha256(b"metalswarm/fingerprint\0" + raw).hexdigest()[:12]


@dataclass(frozen=True)
class ClusterSecrets:
    """The derived secrets of one cluster. `repr` shows the name only.

    :ivar uuid: the cluster's identity; depends on seed and name only and survives every rotation.
    :ivar gossip_key: Consul's gossip key, 32 bytes in base64.
    :ivar management_token: Consul's bootstrap token (secret id), a UUID.
    """

    cluster: str
    uuid: str = field(repr=False)
    gossip_key: str = field(repr=False)
    management_token: str = field(repr=False)
    _seed: bytes = field(repr=False)
    _acl: int = field(repr=False)

    @classmethod
    def derive(cls, seed: bytes, cluster: str, identity: Rotation) -> ClusterSecrets:
        """Return the secrets of `cluster` at the given rotation numbers."""
        return cls(
            cluster=cluster,
            uuid=_uuid(seed, cluster, "uuid"),
            gossip_key=gossip_key(seed, cluster, identity.gossip),
            management_token=_uuid(seed, cluster, "acl", identity.acl, "management"),
            _seed=seed,
            _acl=identity.acl,
        )

    def agent_token(self, host: str) -> str:
        """Return the secret id of the Consul agent on `host`, a UUID."""
        return self._token("agent", host)

    def agent_accessor(self, host: str) -> str:
        """Return the accessor id (not secret) that belongs to :meth:`agent_token`, a UUID."""
        return self._token("agent-accessor", host)

    def swarm_token(self, host: str) -> str:
        """Return the secret id with which `host` registers its swarm node in Consul, a UUID."""
        return self._token("swarm", host)

    def swarm_accessor(self, host: str) -> str:
        """Return the accessor id (not secret) that belongs to :meth:`swarm_token`, a UUID."""
        return self._token("swarm-accessor", host)

    @property
    def management_accessor(self) -> str:
        """The accessor id (not secret) of a management token that a rotation makes; one made at birth has its own."""
        return _uuid(self._seed, self.cluster, "acl", self._acl, "management-accessor")

    def _token(self, kind: str, host: str) -> str:
        return _uuid(self._seed, self.cluster, "acl", self._acl, kind, host)


def gossip_key(seed: bytes, cluster: str, generation: int) -> str:
    """Return one generation of a cluster's gossip key, 32 bytes in base64; a rotation needs the one before as well."""
    return base64.b64encode(derive(seed, cluster, "gossip", generation)).decode()


def _uuid(seed: bytes, *labels: str | int) -> str:
    return str(uuid.UUID(bytes=derive(seed, *labels, length=16), version=4))
