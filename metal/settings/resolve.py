"""Settings that were found right, turned into the resolved fleet."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

from metal.settings.checks import purpose_of
from metal.settings.external import ExternalConsul
from metal.settings.fleet import (
    Artifact,
    BackupWish,
    ClusterWish,
    ConsulWish,
    Deadlines,
    DockerWish,
    Fleet,
    HostFacts,
    HostWish,
    Identity,
    Limits,
    ManagerDriver,
    ManagerWish,
    Purpose,
    SwarmWish,
)
from metal.settings.fleet_model import (
    ArtifactModel,
    ClusterModel,
    ExternalConsulModel,
    HostIntent,
    ManagerModel,
    PoolModel,
)
from metal.settings.intent import Intent
from metal.settings.inventory import Inventory
from metal.settings.ready_model import resolve_ready

__all__ = ["resolve"]

T = TypeVar("T")


def resolve(intent: Intent, inventory: Inventory, owner: str) -> Fleet:
    """The fleet; only for settings without a problem."""
    limits = Limits(**_sure(intent.limits).model_dump())
    ready = _sure(intent.ready)
    clusters = {name: _cluster(name, _sure(model), intent) for name, model in intent.clusters.items()}
    hosts = {
        host: _host(host, name, _sure(pool), clusters, intent, inventory, limits)
        for name, pool in intent.pools.items()
        for host in _sure(pool).hosts
    }
    return Fleet(
        owner=owner,
        hosts=hosts,
        clusters=clusters,
        limits=limits,
        deadlines=Deadlines(**_sure(intent.deadlines).model_dump()),
        ready=resolve_ready(ready),
        docker=DockerWish(**_sure(intent.docker).model_dump()),
        consul=_artifact(intent.consul) if intent.consul else None,
        unmanaged={
            name: dataclasses.replace(facts, **_stance(facts, _intent(name, intent)))
            for name, facts in inventory.facts.items()
            if name not in hosts
        },
    )


def _cluster(name: str, model: ClusterModel, intent: Intent) -> ClusterWish:
    members = {host for pool in intent.pools.values() if pool and pool.cluster == name for host in pool.hosts}
    managers = tuple(model.managers)
    driver = model.manager.driver
    nodes = model.manager.nodes if model.manager.nodes is not None else model.managers
    servers = tuple(model.consul.servers if model.consul.servers is not None else managers)
    external = _external(model.consul.external) if model.consul.external else None
    return ClusterWish(
        name=name,
        managers=managers,
        workers=tuple(sorted(members - set(managers))),
        consul_servers=() if external else servers,
        container_managers=() if driver is ManagerDriver.NONE else tuple(nodes),
        swarm=SwarmWish(**model.swarm.model_dump()),
        consul=ConsulWish(model.consul.datacenter or name, external),
        manager=ManagerWish(
            driver, model.manager.key, None if driver is ManagerDriver.NONE else _artifact(model.manager)
        ),
        identity=Identity(**model.identity.model_dump()),
        override=tuple(sorted(model.override)),
        backup=BackupWish(**model.backup.model_dump()),
    )


def _host(
    name: str,
    pool_name: str,
    pool: PoolModel,
    clusters: dict[str, ClusterWish],
    intent: Intent,
    inventory: Inventory,
    limits: Limits,
) -> HostWish:
    facts = inventory.facts[name]
    own = _intent(name, intent)
    cluster = clusters[pool.cluster] if pool.cluster else None
    inherited = {field.name: getattr(facts, field.name) for field in dataclasses.fields(facts)}
    inherited |= _stance(facts, own)
    return HostWish(
        **inherited,
        generation=max(pool.generation, own.generation),
        purpose=_sure(purpose_of(pool)),
        pool=pool_name,
        power=pool.power,
        cluster=cluster.name if cluster else None,
        is_manager=cluster is not None and name in cluster.managers,
        is_consul_server=cluster is not None and name in cluster.consul_servers,
        is_container_manager=cluster is not None and name in cluster.container_managers,
        labels={**pool.labels, **own.labels} if purpose_of(pool) is Purpose.SWARM else {},
        on_leave=pool.on_leave,
        on_destroy=pool.on_destroy,
        max_unavailable=pool.max_unavailable or limits.max_unavailable,
        engine=pool.engine,
        availability=pool.availability,
        pool_on_stuck=pool.on_stuck,
        reboot=pool.reboot or "",
        ready=resolve_ready(_sure(intent.ready), pool.ready),
        power_restore=own.power_restore or pool.power_restore,
        boot_device=own.boot_device or pool.boot_device,
        boot_mode=own.boot_mode or pool.boot_mode,
    )


def _external(model: ExternalConsulModel) -> ExternalConsul:
    return ExternalConsul(
        api=model.api,
        through=tuple(model.through or ()),
        agents=model.agents,
        servers=tuple(model.servers),
        credentials=model.credentials or "",
    )


def _stance(facts: HostFacts, own: HostIntent) -> dict[str, Any]:
    """What the stack adds to the inventory's word on one host."""
    return {"hold": own.hold or facts.hold, "evict": own.evict or facts.evict, "on_stuck": own.on_stuck}


def _intent(host: str, intent: Intent) -> HostIntent:
    return intent.hosts.get(host) or HostIntent()


def _artifact(model: ArtifactModel | ManagerModel) -> Artifact:
    return Artifact(model.version or "", _sure(model.url), model.sha256, model.sha256_url)


def _sure(value: T | None) -> T:
    """What the checks have made sure of."""
    if value is None:
        raise AssertionError("settings with problems were resolved")
    return value
