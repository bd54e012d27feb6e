"""What opens the agents of a cluster while it is moved from one set of secrets to another."""

from __future__ import annotations

from dataclasses import dataclass, field

from metal.pki.authority import Authority
from metal.pki.secrets import ClusterSecrets
from metal.pki.succession import generations_in, joined
from metal.plan.rotation import candidates
from metal.settings.fleet import Identity

__all__ = ["AgentKeys"]


@dataclass(frozen=True)
class AgentKeys:
    """The wanted authority and management token, and those that may still be in use while a rotation is under way.

    :ivar wanted: the numbers that the settings want.
    :ivar known: the numbers that whoever asks was set up with.
    :ivar outside: the token of an existing Consul, empty where it asks for none; None for a cluster's own.
    """

    seed: bytes = field(repr=False)
    cluster: str
    wanted: Identity
    known: Identity
    outside: str | None = field(default=None, repr=False)

    @property
    def authority(self) -> str:
        """PEM of the wanted authority."""
        return Authority.of(self.seed, self.cluster, self.wanted.ca).certificate

    @property
    def tokens(self) -> tuple[str, ...]:
        """Management tokens, the wanted one first. One that was rotated out is refused by every agent."""
        if self.outside is not None:
            return (self.outside,)
        return tuple(self.token(number) for number in candidates(self.wanted.acl, self.known.acl))

    def token(self, number: int) -> str:
        return ClusterSecrets.derive(self.seed, self.cluster, Identity(acl=number)).management_token

    def still_trusted(self, bundle: str) -> str:
        """Those of our authorities that a host trusts by its own file: none but the wanted once it has been rotated.

        :param bundle: the host's `ca.pem`, which only its root and its agent can write.
        """
        numbers = generations_in(self.seed, self.cluster, bundle, candidates(self.wanted.ca, self.known.ca))
        return joined(
            self.authority, *(Authority.of(self.seed, self.cluster, number).certificate for number in sorted(numbers))
        )
