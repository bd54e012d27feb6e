"""DockerHost: a ready host with a pinned Docker Engine behind mutual TLS."""

from __future__ import annotations

import pulumi

from components.inputs import docker_engine_inputs
from components.names import former_names
from metal.settings.fleet import Fleet, HostWish
from providers.docker_engine import DockerEngine
from providers.host_ready import HostReady

__all__ = ["DockerHost"]


class DockerHost(pulumi.ComponentResource):
    """:ivar engine: the engine's link; other layers hang on its id."""

    def __init__(
        self, host: HostWish, fleet: Fleet, ready: HostReady, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        renamed = pulumi.ResourceOptions(aliases=former_names(host))
        super().__init__("metalswarm:index:DockerHost", host.name, None, pulumi.ResourceOptions.merge(opts, renamed))
        ca = fleet.clusters[host.cluster].identity.ca if host.cluster else 1
        self.engine = DockerEngine(
            host.name,
            docker_engine_inputs(host, fleet.owner, fleet.docker, ca, ready.id, ready.host_key),
            pulumi.ResourceOptions(parent=self, protect=host.protected, aliases=former_names(host)),
        )
        self.register_outputs({})
