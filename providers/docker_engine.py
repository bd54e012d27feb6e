"""DockerEngine: a pinned engine behind mutual TLS on one ready host."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import Resource

from metal.plan.renewal import ENGINE_RENEW_DAYS, is_due
from providers import process
from providers.access import pinned_access
from providers.leaving import leave_swarm
from providers.link import Link, taken_away

if TYPE_CHECKING:
    from metal.cluster.docker.wish import EngineWish

__all__ = ["DockerEngine"]


class DockerEngineProvider(Link):
    # Another authority is another cluster: the node must have left the old one before its engine stops for it.
    replaces = ("up", "authority")
    disruptive = frozenset({"ca", "daemon", "package", "renewal_due", "version"})

    def identity(self, props: dict[str, Any]) -> str:
        return f"{props['up']}/docker/{props['authority'] or '-'}"

    def act(self, props: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
        from metal.cluster.docker import ensure_engine
        from metal.cluster.wave import Layer, rolling

        site, wish = process.site(str(props["owner"])), _wish(props)
        with rolling(site, wish.host, wish.access, Layer.ENGINE) as disrupt:
            report = ensure_engine(site, wish, disrupt=disrupt)
        return {
            "engine_version": report.version,
            "endpoint": report.endpoint,
            "certificate": report.certificate,
            "not_after": report.not_after,
            "running": True,
            "renewal_due": False,
        }

    def look(self, props: dict[str, Any]) -> dict[str, Any]:
        from metal.cluster.docker import observe_engine

        seen = observe_engine(process.site(str(props["owner"])), pinned_access(props))
        live: dict[str, Any] = {"running": seen.active, "renewal_due": seen.renewal_due(datetime.now(UTC))}
        if seen.version:
            live["engine_version"] = seen.version
        if seen.not_after:
            live["not_after"] = seen.not_after
        if seen.drained:
            live["drained"] = True
        return live

    def drifted(self, olds: dict[str, Any], news: dict[str, Any]) -> tuple[str, ...]:
        stopped = ("running",) if olds.get("running") is False else ()
        # By the end that is known, so that an `up` renews in time whether a refresh came before it or not.
        due = olds.get("renewal_due") or is_due(olds.get("not_after"), datetime.now(UTC), days=ENGINE_RENEW_DAYS)
        renewal = ("renewal_due",) if due and not news.get("keep") else ()
        drained = ("drained",) if olds.get("drained") else ()
        return (*stopped, *drained, *renewal, *taken_away(olds, news, "keep"))

    def undo(self, props: dict[str, Any]) -> None:
        from metal.cluster.docker import remove_engine

        if process.is_lost(str(props["owner"]), str(props["host"])):
            process.warn(f"{props['host']}: declared lost, so its engine is left as it is")
            return
        site, cluster = process.site(str(props["owner"])), str(props["authority"])

        def leave() -> None:
            wanted = site.fleet.clusters.get(cluster)
            leave_swarm(
                site,
                {**props, "cluster": cluster},
                identity=wanted.identity if wanted else None,
                external=wanted.consul.external if wanted else None,
            )

        remove_engine(site, _wish(props), leave=leave)


class DockerEngine(Resource, module="metalswarm", name="DockerEngine"):
    """Outputs: `engine_version`, `endpoint`, `certificate` (fingerprint), `not_after`, `running`, `renewal_due`."""

    engine_version: pulumi.Output[str]
    endpoint: pulumi.Output[str]
    certificate: pulumi.Output[str]
    not_after: pulumi.Output[str]
    running: pulumi.Output[bool]

    def __init__(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        computed = dict.fromkeys(("engine_version", "endpoint", "certificate", "not_after", "running", "renewal_due"))
        super().__init__(DockerEngineProvider(), name, {**props, **computed}, opts)


def _wish(props: dict[str, Any]) -> EngineWish:
    from metal.cluster.docker.wish import EngineWish

    return EngineWish(
        host=str(props["host"]),
        access=pinned_access(props),
        authority=str(props["authority"]),
        ca=int(props["ca"]),
        package=str(props["package"]),
        version=str(props["version"]),
        daemon=dict(props["daemon"]),
        keep=bool(props.get("keep")),
    )
