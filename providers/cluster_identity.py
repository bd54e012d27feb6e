"""ClusterIdentity: who a cluster is; made from the stack's seed, so it holds no secret and outlives the state file."""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi.dynamic import DiffResult, Resource

from metal.plan.difference import plain
from providers import process
from providers.link import Link

__all__ = ["ClusterIdentity"]


class ClusterIdentityProvider(Link):
    replaces = ()

    def identity(self, props: dict[str, Any]) -> str:
        return f"{props['owner']}/{props['cluster']}"

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

    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        found = super().diff(id_, olds, news)
        if not found.changes:
            self._refuse_other_seed(plain(olds))
        return found

    def _refuse_other_seed(self, seen: dict[str, Any]) -> None:
        """Without it a run that has nothing to do with certificates would look right, and the next one would not."""
        from metal.errors import PlanRefused, SettingsError
        from metal.pki.authority import Authority
        from metal.settings.fleet import Identity

        try:
            seed = process.credentials().seed()
        except SettingsError:
            return  # a preview needs no secret; an act that does asks for it
        cluster = str(seen["cluster"])
        if Authority.of(seed, cluster, Identity(**seen["identity"]).ca).certificate != seen["certificate"]:
            raise PlanRefused(
                f"metalswarm:seed is not the seed that cluster {cluster} was made with",
                tried=["compared the authority that follows from it with the one in the stack's state"],
                next_step="set the seed that it was made with, and run again",
            )

    def undo(self, props: dict[str, Any]) -> None:
        """Nothing exists outside the seed."""


class ClusterIdentity(Resource, module="metalswarm", name="ClusterIdentity"):
    """Outputs: `uuid`, `certificate` (PEM of the cluster's authority; public)."""

    uuid: pulumi.Output[str]
    certificate: pulumi.Output[str]

    def __init__(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(ClusterIdentityProvider(), name, {**props, "uuid": None, "certificate": None}, opts)
