"""What each link of a host is told: plain values from the settings, the same for the same settings.

Absent values are empty strings, lists or maps, never None: the engine drops None, and a dropped input could not be told
from one that was taken away.
"""

from __future__ import annotations

from typing import Any

from metal.plan.quorum import membership
from metal.plan.rolling import pools_of, rolling
from metal.settings.fleet import Artifact, ClusterWish, DockerWish, Fleet, HostWish, ManagerDriver

__all__ = [
    "boot_device_inputs",
    "cluster_inputs",
    "cluster_plan_inputs",
    "cluster_plan_words",
    "consul_member_inputs",
    "docker_engine_inputs",
    "host_ready_inputs",
    "manager_node_inputs",
    "power_inputs",
    "rotation",
    "swarm_node_inputs",
]


def boot_device_inputs(host: HostWish, owner: str) -> dict[str, Any]:
    return {**_chassis(host, owner), "home": host.cluster or host.purpose.value}


def power_inputs(host: HostWish, owner: str, up: Any) -> dict[str, Any]:
    return {**_chassis(host, owner), "up": up}


def host_ready_inputs(host: HostWish, fleet: Fleet, up: Any) -> dict[str, Any]:
    return {
        **_host(host, fleet.owner),
        # Left out where there is none, so that a fleet without labels keeps its inputs.
        **({"reboot": host.reboot} if host.reboot else {}),
        "up": up,
        "life": host.life,
        "generation": host.generation,
        "home": host.cluster or host.purpose.value,
        "on_leave": host.on_leave.value,
        "on_destroy": host.on_destroy.value,
        "expect": {"serial": host.serial or "", "uuid": host.uuid or "", "macs": list(host.macs)},
        "floors": {
            "os": list(fleet.ready.os),
            "clock_skew": fleet.ready.clock_skew,
            "cpus": fleet.ready.cpus,
            "memory": fleet.ready.memory,
        },
    }


def docker_engine_inputs(
    host: HostWish, owner: str, docker: DockerWish, ca: int, up: Any, host_key: Any
) -> dict[str, Any]:
    """:param ca: rotation number of the authority that signs the engine's certificate."""
    return {
        **_host(host, owner),
        "up": up,
        "host_key": host_key,
        "authority": host.cluster or "",
        "ca": ca,
        "package": docker.package,
        "version": docker.version,
        "daemon": dict(docker.daemon),
    }


def consul_member_inputs(host: HostWish, fleet: Fleet, cluster: ClusterWish, up: Any, host_key: Any) -> dict[str, Any]:
    return {
        **_host(host, fleet.owner),
        "up": up,
        "host_key": host_key,
        "life": host.life,
        "cluster": cluster.name,
        "server": host.is_consul_server,
        "servers": {name: fleet.hosts[name].access.address for name in cluster.consul_servers},
        "datacenter": cluster.consul.datacenter,
        "artifact": _artifact(fleet.consul),
        "identity": rotation(cluster),
    }


def swarm_node_inputs(
    host: HostWish, owner: str, cluster: ClusterWish, up: Any, consul: Any, host_key: Any
) -> dict[str, Any]:
    swarm = cluster.swarm
    return {
        **_host(host, owner),
        "up": up,
        "consul": consul,
        "host_key": host_key,
        "cluster": cluster.name,
        "identity": rotation(cluster),
        "role": "manager" if host.is_manager else "worker",
        "labels": dict(host.labels),
        "swarm": {
            "address_pool": swarm.address_pool,
            "subnet_size": swarm.subnet_size,
            "data_path_port": swarm.data_path_port,
            "interface": swarm.interface or "",
            "port": swarm.port,
        },
    }


def manager_node_inputs(host: HostWish, owner: str, cluster: ClusterWish, up: Any, host_key: Any) -> dict[str, Any]:
    return {
        **_host(host, owner),
        "up": up,
        "host_key": host_key,
        "cluster": cluster.name,
        "driver": cluster.manager.driver.value,
        "admin": host.is_container_manager,
        "key": cluster.manager.key if cluster.manager.driver is not ManagerDriver.NONE else "",
        "artifact": _artifact(cluster.manager.artifact),
    }


def cluster_inputs(cluster: ClusterWish, owner: str) -> dict[str, Any]:
    return {"owner": owner, "cluster": cluster.name}


def cluster_plan_inputs(cluster: ClusterWish, fleet: Fleet) -> dict[str, Any]:
    return {
        **cluster_inputs(cluster, fleet.owner),
        "membership": membership(fleet, cluster.name).to_dict(),
        "rolling": rolling(fleet, cluster.name),
    }


def cluster_plan_words(cluster: ClusterWish, fleet: Fleet) -> dict[str, Any]:
    """What a preview says its words by; no input that is kept."""
    return {"pools": pools_of(fleet, cluster.name)}


def rotation(cluster: ClusterWish) -> dict[str, int]:
    identity = cluster.identity
    return {"ca": identity.ca, "gossip": identity.gossip, "acl": identity.acl}


def _host(host: HostWish, owner: str) -> dict[str, Any]:
    return {"host": host.name, "owner": owner, "hold": host.hold or "", "access": _access(host)}


def _chassis(host: HostWish, owner: str) -> dict[str, Any]:
    return {
        **_host(host, owner),
        "life": host.life,
        "generation": host.generation,
        "power": host.power.value,
        "bmc": host.bmc.to_dict() if host.bmc else {},
        "on_leave": host.on_leave.value,
        "on_destroy": host.on_destroy.value,
    }


def _access(host: HostWish) -> dict[str, Any]:
    access = host.access.to_dict()
    return {**access, "host_key": access["host_key"] or "", "jump": access["jump"] or {}}


def _artifact(artifact: Artifact | None) -> dict[str, Any]:
    if artifact is None:
        return {}
    return {
        "version": artifact.version,
        "url": artifact.url,
        "sha256": artifact.sha256 or "",
        "sha256_url": artifact.sha256_url or "",
    }
