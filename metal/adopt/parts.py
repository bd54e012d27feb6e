"""The parts of a fleet document, each from what was seen. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from metal.adopt.sight import ConsulSight, HostSight, Sight
from metal.settings.external import is_loopback
from metal.settings.fleet import HostFacts, SwarmWish

__all__ = ["consul_part", "docker_part", "manager_part", "pools_part", "swarm_part"]

# Where a value of daemon.json may hold a login: these stay on the hosts.
_PRIVATE = ("log-opts", "proxies", "http-proxy", "https-proxy", "cluster-store-opts", "runtimes")
_OWN_LABELS = "metalswarm.labels"


def docker_part(sight: Sight, notes: list[str]) -> dict[str, Any]:
    """Package, version and daemon.json, as far as every host has the same."""
    looked = [host for host in sight.hosts if not host.unreached]
    packages = {host.engine.package for host in looked if host.engine.package}
    versions = {host.engine.version for host in looked if host.engine.package}
    part: dict[str, Any] = {}
    if len(packages) == 1:
        part["package"] = packages.pop()
    elif looked:
        found = ", ".join(sorted(packages)) or "no package that is known"
        notes.append(f"docker.package: the hosts have {found}; it matters once an engine is no longer kept")
    if len(versions) == 1:
        part["version"] = versions.pop().partition(":")[2] or next(iter({h.engine.version for h in looked}))
    elif versions:
        notes.append(f"docker.version: the hosts have {', '.join(sorted(versions))}; any is left as it is")
    daemons = [dict(host.engine.daemon) for host in looked]
    if daemons and daemons[0] and all(one == daemons[0] for one in daemons):
        public = {key: value for key, value in daemons[0].items() if not _is_private(key, value)}
        if public:
            part["daemon"] = public
        hidden = sorted(set(daemons[0]) - set(public))
        if hidden:
            notes.append(f"docker.daemon: {', '.join(hidden)} may hold a login and stays on the hosts")
    elif any(daemons):
        notes.append("docker.daemon: daemon.json is not the same everywhere; it matters once an engine is not kept")
    return part


def swarm_part(sight: Sight, notes: list[str]) -> dict[str, Any]:
    """What exists at a swarm's birth only, and the port of managers of ours; defaults are left out."""
    swarm, usual = sight.swarm, SwarmWish()
    part: dict[str, Any] = {}
    if swarm.pools and swarm.pools[0] != usual.address_pool:
        part["address_pool"] = swarm.pools[0]
    if len(swarm.pools) > 1:
        notes.append(f"swarm.address_pool: the swarm has more than the one named: {', '.join(swarm.pools)}")
    if swarm.subnet_size != usual.subnet_size:
        part["subnet_size"] = swarm.subnet_size
    if swarm.data_path_port != usual.data_path_port:
        part["data_path_port"] = swarm.data_path_port
    port = next((host.engine.port for host in sight.hosts if host.engine.port), usual.port)
    if port != usual.port:
        part["port"] = port
    return part


def consul_part(
    sight: Sight, cluster: str, url: str, fill_in: list[str], notes: list[str], secrets: list[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The binary, where agents are ours, and the cluster's own section."""
    seen = [(host, host.consul) for host in sight.hosts if host.consul is not None]
    ours = [(host, consul) for host, consul in seen if consul.ours]
    if ours:
        return _own_consul([(host.node.name, consul) for host, consul in ours], url, fill_in)
    if not seen:
        fill_in.append("consul: version, url and sha256 of the program; no agent runs on any host, so one is installed")
        notes.append("no Consul was found: agents of our own are installed, the managers' as servers")
        return {}, {"datacenter": cluster}
    return {}, _external(seen, cluster, fill_in, notes, secrets)


def _own_consul(
    seen: list[tuple[str, ConsulSight]], url: str, fill_in: list[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    first = seen[0][1]
    artifact = {"version": first.version, **({"url": url} if url else {}), "sha256": first.sha256}
    if not url:
        what = "the release archive" if first.archive else "the program itself"
        fill_in.append(f"consul.url: of {what} whose SHA-256 is there; nothing is downloaded while it is in place")
    servers = [name for name, consul in seen if consul.server]
    return artifact, {"datacenter": first.datacenter, "servers": servers}


def _external(
    seen: list[tuple[HostSight, ConsulSight]], cluster: str, fill_in: list[str], notes: list[str], secrets: list[str]
) -> dict[str, Any]:
    named = f"clusters.{cluster}.consul"
    answering = [(host, consul) for host, consul in seen if consul.api]
    datacenters = {consul.datacenter for _, consul in answering if consul.datacenter}
    part: dict[str, Any] = {}
    if len(datacenters) == 1:
        part["datacenter"] = datacenters.pop()
    else:
        found = ", ".join(sorted(datacenters)) or "no answer"
        fill_in.append(f"{named}.datacenter: the agents say: {found}")
    external: dict[str, Any] = {}
    if answering:
        host, consul = answering[0]
        external["api"] = consul.api
        if not is_loopback(str(urlsplit(consul.api).hostname)):
            external["through"] = [host.node.name]
        if consul.acls or consul.api.startswith("https:"):
            external["credentials"] = cluster
            secrets.append(f"consul-{cluster}")
            parts = [*(["token"] if consul.acls else []), *(["ca"] if consul.api.startswith("https:") else [])]
            fill_in.append(f"the secret metalswarm:consul-{cluster}: {' and '.join(parts)} of that Consul")
    else:
        fill_in.append(f"{named}.external.api: agents run and none answers on a port that was tried")
    without = [host.node.name for host, consul in seen if not consul.api]
    if without and answering:
        notes.append(
            f"Consul: agents on {', '.join(without)} do not answer; they are registered as nodes without agent"
        )
    part["external"] = external
    return part


def manager_part(sight: Sight, url: str, fill_in: list[str], secrets: list[str]) -> dict[str, Any]:
    """The container manager, where there is one of ours."""
    seen = [(host.node.name, host.manager) for host in sight.hosts if host.manager is not None]
    if not seen:
        return {}
    secrets.append("manager-default")
    if not url:
        fill_in.append("manager.url: of the program whose SHA-256 is there")
    return {
        "driver": "stackengine",
        "nodes": [name for name, manager in seen if manager.admin],
        **({"url": url} if url else {}),
        "sha256": seen[0][1].sha256,
    }


def pools_part(
    sight: Sight, cluster: str, known: Mapping[str, HostFacts]
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Pools of hosts that are alike, and what single hosts have of their own."""
    pools: dict[str, Any] = {}
    own: dict[str, dict[str, Any]] = {}
    is_ours = {host.node.name: host.engine.ours for host in sight.hosts if not host.unreached}
    for host in sight.hosts:
        name, availability = host.node.name, host.node.availability or "active"
        generation = _generation(host, known.get(name))
        # Of one that was not looked at, the others tell.
        keep = not is_ours.get(name, any(is_ours.values()))
        parts = ["managers" if host.node.manager else "workers", *([availability] if availability != "active" else [])]
        if not keep and not all(is_ours.values()):
            parts.append("managed")
        pool = pools.setdefault(
            "-".join(parts),
            {
                "cluster": cluster,
                "hosts": [],
                **({"engine": "keep"} if keep else {}),
                **({"availability": availability} if availability != "active" else {}),
            },
        )
        pool["hosts"].append(name)
        labels = _labels(host)
        mine = {**({"generation": generation} if generation else {}), **({"labels": labels} if labels else {})}
        if mine:
            own[name] = mine
    return pools, own


def _generation(host: HostSight, known: HostFacts | None) -> int:
    """As its marker counts; a host whose BMC is not known cannot be asked for one."""
    if host.marker is None or known is None or known.bmc is None:
        return 0
    return host.marker.generation


def _labels(host: HostSight) -> dict[str, str]:
    """Labels that came from settings of ours; those that others set stay on the node and out of the settings."""
    keys = [key for key in host.node.labels.get(_OWN_LABELS, "").split(",") if key]
    return {key: host.node.labels[key] for key in keys if key in host.node.labels}


def _is_private(key: str, value: Any) -> bool:
    return key in _PRIVATE or "@" in str(value)
