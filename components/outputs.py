"""What the stack exports: where each cluster answers, and what each host is for."""

from __future__ import annotations

from typing import Any

from metal.settings.fleet import Fleet

__all__ = ["fleet_outputs"]


def fleet_outputs(fleet: Fleet) -> dict[str, Any]:
    """Plain values from the settings alone, so that a preview knows them and a second run changes nothing."""
    return {
        "clusters": {
            name: {
                "managers": {
                    host: f"tcp://{fleet.hosts[host].access.address}:{cluster.swarm.port}" for host in cluster.managers
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
