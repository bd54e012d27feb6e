"""ClusterIdentity: who a cluster is; made from the stack's seed, so it holds no secret and outlives the state file."""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi.dynamic import CheckFailure, Resource

from metal.plan.rotation import lowered, raised
from providers import process
from providers.link import Link
from providers.server import runtime

__all__ = ["ClusterIdentity"]


class ClusterIdentityProvider(Link):
    replaces = ()

    def identity(self, props: dict[str, Any]) -> str:
        return f"{props['owner']}/{props['cluster']}"

    def refusals(self, olds: dict[str, Any], news: dict[str, Any]) -> list[CheckFailure]:
        old, new = olds.get("identity") or news["identity"], news["identity"]
        for line in raised(old, new):
            runtime.progress(f"{news['cluster']}: {line}")
        return [
            CheckFailure(
                "identity",
                f"{news['cluster']}: identity.{kind} = {new.get(kind, 1)}: what was shut out would be let in again; "
                f"allowed: {old[kind]} or more",
            )
            for kind in lowered(old, new)
        ]

    def act(self, props: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
        from metal.pki.authority import Authority
        from metal.pki.secrets import ClusterSecrets
        from metal.settings.fleet import Identity

        seed = process.site(str(props["owner"])).credentials.seed()
        cluster, rotation = str(props["cluster"]), Identity(**props["identity"])
        return {
            "uuid": str(ClusterSecrets.derive(seed, cluster, rotation).uuid),
            "certificate": Authority.of(seed, cluster, rotation.ca).certificate,
        }

    def drifted(self, olds: dict[str, Any], news: dict[str, Any]) -> tuple[str, ...]:
        # Whether another seed is allowed is for what was formed with the first one to say; nothing was, else.
        found = process.authority(str(olds["cluster"]), int(olds["identity"]["ca"]))
        return ("certificate",) if found is not None and found.certificate != olds.get("certificate") else ()

    def undo(self, props: dict[str, Any]) -> None:
        """Nothing exists outside the seed."""


class ClusterIdentity(Resource, module="metalswarm", name="ClusterIdentity"):
    """Outputs: `uuid`, `certificate` (PEM of the cluster's authority; public)."""

    uuid: pulumi.Output[str]
    certificate: pulumi.Output[str]

    def __init__(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(ClusterIdentityProvider(), name, {**props, "uuid": None, "certificate": None}, opts)
