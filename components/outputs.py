"""What the stack exports: where each cluster answers, and what each host is for."""

from __future__ import annotations

from typing import Any

from metal.settings.endpoint import with_port
from metal.settings.fleet import EngineRule, Fleet

__all__ = ["fleet_outputs"]


def fleet_outputs(fleet: Fleet) -> dict[str, Any]:
    """Plain values from the settings alone, so that a preview knows them and a second run changes nothing."""
    return {
        "clusters": {
            name: {
                # The port of a manager whose engine is kept as it runs is not offered.
                "managers": {
                    host: f"tcp://{with_port(fleet.hosts[host].access.address, cluster.swarm.port)}"
                    for host in cluster.managers
                    if fleet.hosts[host].engine is not EngineRule.KEEP
                },
                "workers": list(cluster.workers),
                "consul_servers": list(cluster.consul_servers),
                "container_managers": list(cluster.container_managers),
            }
            for name, cluster in fleet.clusters.items()
        },
        "hosts": {
            name: {"address": host.access.address, "purpose": host.purpose.value, "power": host.power.value}
            for name, host in fleet.hosts.items()
        },
    }
