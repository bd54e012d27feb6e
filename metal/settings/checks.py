"""What must hold between the parts of the settings: hosts and pools, pools and clusters, ports and networks."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Sequence

from metal.settings.adopted import check_availability, check_external, check_kept, needs_binary
from metal.settings.chassis import chassis_settings, restores_on
from metal.settings.fleet import ManagerDriver, OnLeave, PowerWish, Purpose
from metal.settings.fleet_model import ClusterModel, PoolModel
from metal.settings.intent import Intent
from metal.settings.inventory import Inventory
from metal.settings.overrides import check_overrides
from metal.settings.problems import Path, Problems

__all__ = ["check", "purpose_of"]

_VOTERS = (1, 3, 5, 7)

# Where something of ours, of Docker or of Consul listens on a swarm's managers (docs/architecture.md, "Ports").
_TAKEN = {
    2376: "the engine",
    2377: "swarm control",
    7946: "swarm gossip",
    8300: "Consul RPC",
    8301: "Consul gossip",
    8302: "Consul WAN gossip",
    8500: "Consul HTTP",
    8501: "Consul HTTPS",
    8502: "Consul gRPC",
    8503: "Consul gRPC",
    8600: "Consul DNS",
}
_TAKEN_BY_DRIVER = {
    ManagerDriver.STACKENGINE: {8000: "StackEngine", 8001: "StackEngine", 8002: "StackEngine", 8443: "StackEngine"}
}

# Keys of daemon.json that we set ourselves, and one that a swarm's engine refuses to start with.
_OURS = ("hosts", "tls", "tlscacert", "tlscert", "tlskey", "tlsverify")


def check(intent: Intent, inventory: Inventory, problems: Problems) -> None:
    """Add everything that is wrong between parts which are each right in themselves."""
    for name in intent.hosts:
        if name not in inventory.files:
            problems.unknown(("hosts", name), name, inventory.files, "host in the inventory")
        _check_evict(name, intent, inventory, problems)
    _check_daemon(intent, problems)
    homes: dict[str, str] = {}
    for name, pool in intent.pools.items():
        if pool:
            _check_pool(name, pool, intent, problems)
            check_kept(name, pool, purpose_of(pool), intent, problems)
            check_availability(name, pool, purpose_of(pool), problems)
            _check_pool_hosts(name, pool, homes, intent, inventory, problems)
    for name, cluster in intent.clusters.items():
        if cluster:
            _check_cluster(name, cluster, intent, inventory, problems)
    if any(needs_binary(cluster) for cluster in intent.clusters.values()) and not intent.consul_given:
        problems.add("consul", "is missing, and a cluster needs it", "version, url and sha256 of the Consul binary")


def purpose_of(pool: PoolModel) -> Purpose | None:
    """A pool with a cluster is a swarm pool unless it says otherwise."""
    return pool.purpose or (Purpose.SWARM if pool.cluster else None)


def _check_evict(name: str, intent: Intent, inventory: Inventory, problems: Problems) -> None:
    own, facts = intent.hosts[name], inventory.facts.get(name)
    if own and own.evict and not (own.hold or (facts and facts.hold)):
        problems.add(("hosts", name, "evict"), "goes with hold only", "hold: <reason> beside it", value=True)


def _check_daemon(intent: Intent, problems: Problems) -> None:
    if not intent.docker:
        return
    for key in _OURS:
        if key in intent.docker.daemon:
            problems.add(("docker", "daemon", key), "is set by this program", "every other key of daemon.json")
    if intent.clusters and intent.docker.daemon.get("live-restore"):
        problems.add(("docker", "daemon", "live-restore"), "does not go together with swarm mode", "false", value=True)


def _check_pool(name: str, pool: PoolModel, intent: Intent, problems: Problems) -> None:
    path: Path = ("pools", name)
    purpose = purpose_of(pool)
    if purpose is None:
        problems.add((*path, "purpose"), "is missing", "free, ready, docker or swarm")
    elif purpose is Purpose.SWARM and not pool.cluster:
        problems.add(
            (*path, "cluster"), "is missing, and a swarm pool needs it", ", ".join(intent.clusters) or "a cluster"
        )
    elif purpose is not Purpose.SWARM and pool.cluster:
        problems.add((*path, "cluster"), f"does not go with purpose {purpose}", "purpose swarm", value=pool.cluster)
    elif pool.cluster and pool.cluster not in intent.clusters:
        problems.unknown((*path, "cluster"), pool.cluster, intent.clusters, "cluster")
    if pool.power is PowerWish.OFF and purpose not in (Purpose.FREE, None):
        problems.add((*path, "power"), f"does not go with purpose {purpose}", "off for purpose free only", value="off")
    if "on_stuck" in pool.model_fields_set and purpose not in (Purpose.SWARM, None):
        problems.add(
            (*path, "on_stuck"), f"is about leaving a swarm and does nothing for purpose {purpose}", "purpose swarm"
        )
    if pool.reboot and pool.power is PowerWish.OFF:
        problems.add((*path, "reboot"), "does not go with power: off", "hosts that are on", value=pool.reboot)
    if pool.labels and purpose not in (Purpose.SWARM, None):
        problems.add((*path, "labels"), f"are node labels and do nothing for purpose {purpose}", "purpose swarm")


def _check_pool_hosts(
    name: str, pool: PoolModel, homes: dict[str, str], intent: Intent, inventory: Inventory, problems: Problems
) -> None:
    for at, host in enumerate(pool.hosts):
        path: Path = ("pools", name, "hosts", at)
        home = homes.setdefault(host, name)
        if host not in inventory.files:
            problems.unknown(path, host, inventory.files, "host in the inventory")
        elif home != name:
            problems.add(path, f"is in the pool {home} already", "one pool for each host", value=host)
        elif host in pool.hosts[:at]:
            problems.add(path, "is given twice", "each host once", value=host)
        else:
            _check_metal(path, host, pool, intent, inventory, problems)


def _check_metal(
    path: Path, host: str, pool: PoolModel, intent: Intent, inventory: Inventory, problems: Problems
) -> None:
    """What a host without a BMC, or one that is never installed, cannot be asked."""
    facts = inventory.facts.get(host)
    wish = intent.hosts.get(host)
    generation = max(pool.generation, wish.generation if wish else 0)
    leaving = {"on_leave": pool.on_leave, "on_destroy": pool.on_destroy}
    if facts and not facts.bmc:
        asked = [f"generation: {generation}"] if generation else []
        asked += ["power: off"] if pool.power is PowerWish.OFF else []
        asked += [f"{key}: {value}" for key, value in leaving.items() if value is not OnLeave.KEEP]
        asked += chassis_settings(pool, wish)
        for what in asked:
            problems.add(path, f"has no BMC, which {what} needs", "a host with a BMC", value=host)
    if pool.power is PowerWish.OFF and restores_on(pool, wish):
        problems.add(
            path, "is wanted off, and power_restore: on would start it", "power_restore: off or previous", value=host
        )
    if generation == 0:
        for key, value in leaving.items():
            if value is OnLeave.REINSTALL:
                problems.add(
                    path,
                    f"has generation 0, which never installs, and {key}: reinstall",
                    "generation 1 or more",
                    value=host,
                )


def _check_cluster(name: str, cluster: ClusterModel, intent: Intent, inventory: Inventory, problems: Problems) -> None:
    path: Path = ("clusters", name)
    pools = {pool: model for pool, model in intent.pools.items() if model and model.cluster == name}
    unsure = any(pool is None for pool in intent.pools.values())
    members = {host for pool in pools.values() for host in pool.hosts}
    if not pools and not unsure:
        problems.add(path, "has no pool", f"at least one pool with cluster: {name}")
    voters: dict[Path, Sequence[str] | None] = {
        (*path, "managers"): cluster.managers,
        (*path, "consul", "servers"): cluster.consul.servers,
        (*path, "manager", "nodes"): cluster.manager.nodes,
    }
    for where, hosts in voters.items():
        if hosts is None:
            continue
        # The container manager's ring is no raft group of ours to waive anything of.
        waived = "voters" in cluster.override and len(hosts) > 0 and where[-1] != "nodes"
        if len(hosts) not in _VOTERS and not waived:
            problems.add(where, _voters(len(hosts)), "an odd number: 1, 3, 5 or 7", value=list(hosts))
        for host, times in Counter(hosts).items():
            at = (*where, hosts.index(host))
            if times > 1:
                problems.add(at, "is given twice", "each host once", value=host)
            if host not in inventory.files:
                problems.unknown(at, host, inventory.files, "host in the inventory")
            elif host not in members and pools and not unsure:
                problems.add(at, f"is in no swarm pool of {name}", f"a host of {', '.join(sorted(pools))}", value=host)
    check_external(name, cluster, inventory, problems)
    check_overrides((*path, "override"), cluster.override, problems)
    _check_network(name, cluster, members, inventory, problems)


def _voters(number: int) -> str:
    if number == 0:
        return "is empty"
    if number % 2 == 0:
        return f"{number} of them tolerate no more failures than {number - 1}"
    return f"{number} of them slow down every write"


def _check_network(
    name: str, cluster: ClusterModel, members: set[str], inventory: Inventory, problems: Problems
) -> None:
    path: Path = ("clusters", name, "swarm")
    swarm = cluster.swarm
    pool = ipaddress.IPv4Network(swarm.address_pool)
    if swarm.subnet_size < pool.prefixlen:
        problems.add(
            (*path, "subnet_size"),
            f"is larger than the whole pool {pool}",
            f"{pool.prefixlen} to 29",
            value=swarm.subnet_size,
        )
    hosts = [inventory.facts[host] for host in sorted(members) if host in inventory.facts]
    # The default pool is Docker's own; whoever names one must keep clear of the hosts.
    inside = [host for host in hosts if ipaddress.ip_address(host.access.address) in pool]
    if inside and "address_pool" in swarm.model_fields_set:
        problems.add(
            (*path, "address_pool"),
            f"holds the address of {inside[0].name} ({inside[0].access.address})",
            "a network that no host is in",
            value=swarm.address_pool,
        )
    taken = {**_TAKEN, **_TAKEN_BY_DRIVER.get(cluster.manager.driver, {}), swarm.data_path_port: "swarm data"}
    taken |= {host.access.port: f"SSH of {host.name}" for host in hosts}
    if swarm.port in taken:
        problems.add((*path, "port"), f"is the port of {taken[swarm.port]}", "a free port, like 2475", value=swarm.port)
    if swarm.data_path_port in _TAKEN:
        problems.add(
            (*path, "data_path_port"),
            f"is the port of {_TAKEN[swarm.data_path_port]}",
            "a free port, like 4789",
            value=swarm.data_path_port,
        )
    for host in hosts:
        if host.access.port in _TAKEN:
            problems.add(
                ("hosts", host.name, "ssh", "port"),
                f"is the port of {_TAKEN[host.access.port]}",
                "another port",
                value=host.access.port,
                file=inventory.files[host.name],
            )
