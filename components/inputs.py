"""What each link of a host is told: plain values from the settings, the same for the same settings.

Absent values are empty strings, lists or maps, never None: the engine drops None, and a dropped input could not be told
from one that was taken away.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from metal.plan.override import gives_up
from metal.plan.quorum import membership
from metal.plan.rolling import pools_of, rolling
from metal.settings.external import Agents
from metal.settings.fleet import (
    Artifact,
    Availability,
    ClusterWish,
    DockerWish,
    EngineRule,
    Fleet,
    HostWish,
    LastingBoot,
    ManagerDriver,
    OnStuck,
    ReadyFloors,
)

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
    "reborn",
    "rotation",
    "swarm_node_inputs",
    "swarm_rotation",
]


def boot_device_inputs(host: HostWish, owner: str, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """:param overrides: rules that the host's cluster waives."""
    wanted = {**_chassis(host, owner), "home": host.cluster or host.purpose.value}
    # Left out where there is nothing to say, so that a chain made before these keys stays as it is.
    if host.serial or host.uuid or host.macs:
        wanted["expect"] = _identity(host)
    if "identity" in overrides:
        wanted["override"] = ["identity"]
    if host.boot_device is not LastingBoot.DEFAULT:
        wanted["boot_device"] = host.boot_device.value
    return wanted


def power_inputs(host: HostWish, owner: str, up: Any) -> dict[str, Any]:
    restore = {"power_restore": host.power_restore.value} if host.power_restore else {}
    return {**_chassis(host, owner), "up": up, **restore}


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
        "expect": _identity(host),
        "floors": _floors(host.ready),
        **({"burn_in": host.ready.burn_in.to_dict()} if host.ready.burn_in else {}),
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
        **_kept(host),
    }


def consul_member_inputs(host: HostWish, fleet: Fleet, cluster: ClusterWish, up: Any, host_key: Any) -> dict[str, Any]:
    external = cluster.consul.external
    has_agent = external is None or external.agents is Agents.MANAGED
    return {
        **_host(host, fleet.owner),
        "up": up,
        "host_key": host_key,
        "life": host.life,
        "cluster": cluster.name,
        "server": host.is_consul_server,
        "servers": {name: fleet.hosts[name].access.address for name in cluster.consul_servers},
        "datacenter": cluster.consul.datacenter,
        "artifact": _artifact(fleet.consul if has_agent else None),
        "identity": rotation(cluster),
        **_external(cluster),
    }


def swarm_node_inputs(
    host: HostWish, owner: str, cluster: ClusterWish, up: Any, consul: Any, host_key: Any
) -> dict[str, Any]:
    swarm, on_stuck = cluster.swarm, host.on_stuck or host.pool_on_stuck
    return {
        **_host(host, owner),
        "up": up,
        "consul": consul,
        "host_key": host_key,
        "cluster": cluster.name,
        "identity": rotation(cluster),
        "role": "manager" if host.is_manager else "worker",
        "labels": dict(host.labels),
        **({} if on_stuck is OnStuck.WAIT else {"on_stuck": on_stuck.value}),
        "swarm": {
            "address_pool": swarm.address_pool,
            "subnet_size": swarm.subnet_size,
            "data_path_port": swarm.data_path_port,
            "interface": swarm.interface or "",
            "port": swarm.port,
        },
        **_kept(host),
        **_external(cluster),
        **({} if host.availability is Availability.ACTIVE else {"availability": host.availability.value}),
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


def reborn(cluster: ClusterWish, fleet: Fleet, voters: Sequence[str], host: str) -> dict[str, str]:
    """What a host follows where the only voter's life is given up with what it holds: it has to join anew.

    A key for those that follow, and only while `last` is waived: no plan without it changes.
    """
    if len(voters) != 1 or host in voters or not gives_up(cluster.override, voters, voters[0]):
        return {}
    return {"reborn": f"{voters[0]}/{fleet.hosts[voters[0]].life}"}


def cluster_inputs(cluster: ClusterWish, owner: str) -> dict[str, Any]:
    return {"owner": owner, "cluster": cluster.name}


def cluster_plan_inputs(cluster: ClusterWish, fleet: Fleet) -> dict[str, Any]:
    wanted = {
        **cluster_inputs(cluster, fleet.owner),
        "membership": membership(fleet, cluster.name).to_dict(),
        "rolling": rolling(fleet, cluster.name),
    }
    # Left out where there is nothing to say, so that a plan made before these keys stays as it is.
    if cluster.override:
        wanted["override"] = list(cluster.override)
    renamed = {host.name: host.was for host in fleet.members(cluster.name) if host.was}
    return {**wanted, "was": renamed} if renamed else wanted


def cluster_plan_words(cluster: ClusterWish, fleet: Fleet) -> dict[str, Any]:
    """What a preview says its words by; no input that is kept."""
    return {"pools": pools_of(fleet, cluster.name)}


def rotation(cluster: ClusterWish) -> dict[str, int]:
    identity = cluster.identity
    return {"ca": identity.ca, "gossip": identity.gossip, "acl": identity.acl}


def _kept(host: HostWish) -> dict[str, Any]:
    """Left out where it has its default: a stack from before the key existed is not changed by it."""
    return {"keep": True} if host.engine is EngineRule.KEEP else {}


def _external(cluster: ClusterWish) -> dict[str, Any]:
    external = cluster.consul.external
    return {"external": external.to_dict()} if external else {}


def swarm_rotation(cluster: ClusterWish) -> dict[str, int]:
    """What the swarm itself rotates; numbers that were never raised are left out."""
    numbers = {"join": cluster.identity.join, "swarm": cluster.identity.swarm}
    return {kind: number for kind, number in numbers.items() if number > 1}


def _host(host: HostWish, owner: str) -> dict[str, Any]:
    # Only where it is so: settings that do not say it keep the inputs that they had before there was such a key.
    evict = {"evict": True} if host.evict else {}
    return {"host": host.name, "owner": owner, "hold": host.hold or "", "access": _access(host), **evict}


def _chassis(host: HostWish, owner: str) -> dict[str, Any]:
    # Left out where none is asked for, so that a chain made before there was such a key stays as it is.
    mode = {"boot_mode": host.boot_mode.value} if host.boot_mode else {}
    return {
        **_host(host, owner),
        "life": host.life,
        "generation": host.generation,
        "power": host.power.value,
        "bmc": host.bmc.to_dict() if host.bmc else {},
        "on_leave": host.on_leave.value,
        "on_destroy": host.on_destroy.value,
        **mode,
    }


def _floors(ready: ReadyFloors) -> dict[str, Any]:
    more = ready.expect.to_dict()
    return {
        "os": list(ready.os),
        "clock_skew": ready.clock_skew,
        "cpus": ready.cpus,
        "memory": ready.memory,
        # Left out where there is nothing to say, so that a host made before these keys stays as it is.
        **({"expect": more} if more else {}),
    }


def _identity(host: HostWish) -> dict[str, Any]:
    return {"serial": host.serial or "", "uuid": host.uuid or "", "macs": list(host.macs)}


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
