"""Spreads running services over nodes that have joined: a forced update of each that gains, one at a time."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from metal.cluster.docker.api import DockerApi, EngineRefused, EngineSilent, EngineUnready
from metal.cluster.swarm.living import LivingManagers
from metal.cluster.swarm.placed import read_places, read_services, read_tasks
from metal.cluster.swarm.turn import turn
from metal.errors import ClusterError
from metal.plan.placement import Service
from metal.plan.rebalance import gaining, update_seconds
from metal.site import Site
from metal.waiting import Pending, wait_until

__all__ = ["rebalance"]

_NANO = 1e9


def rebalance(site: Site, cluster: str, joined: Collection[str]) -> tuple[str, ...]:
    """Give every service that would gain a forced update within its own update settings; return their names.

    Run again, it goes on with those that still gain.

    :param joined: hosts that take work now and did not before.
    :raises ClusterError: no manager answers, or a service's update stopped or did not end in time.
    """
    deadline = site.run.deadline(site.fleet.deadlines.swarm)
    with (
        turn(site.fleet.owner, cluster, host=cluster, deadline=deadline),
        LivingManagers(site, cluster).open(None) as found,
    ):
        if found is None:
            raise ClusterError(
                f"no manager of {cluster} answers, so nothing was spread over {', '.join(sorted(joined))}",
                next_step="bring a majority of the managers up, then run again",
            )
        manager = found[0]
        services = read_services(manager)
        tasks = read_tasks(manager, [service.id for service in services])
        chosen = gaining(services, tasks, read_places(manager), joined)
        for service in chosen:
            site.run.progress(f"{cluster}: spreads {service.name} ({service.replicas} replicas) anew")
            _spread(site, manager, service)
    return tuple(service.name for service in chosen)


def _spread(site: Site, manager: DockerApi, service: Service) -> None:
    entry = manager.service(service.id)
    if entry is None:
        return
    spec = dict(entry["Spec"])
    template = dict(spec["TaskTemplate"])
    template["ForceUpdate"] = int(template.get("ForceUpdate") or 0) + 1
    try:
        manager.service_update(service.id, int(entry["Version"]["Index"]), {**spec, "TaskTemplate": template})
    except EngineRefused as error:
        if "out of sequence" not in (error.seen or ""):
            raise
        # Whoever changed it has had it spread anew, or will see to it.
        site.run.progress(f"{service.name}: somebody else is updating it")
        return
    deadline = site.run.deadline(site.fleet.deadlines.drain + _own_seconds(spec, service))

    def probe() -> bool | Pending:
        now = manager.service(service.id)
        status = (now.get("UpdateStatus") or {}) if now is not None else {"State": "completed"}
        state = str(status.get("State", ""))
        if state in ("paused", "rollback_started", "rollback_paused", "rollback_completed"):
            raise ClusterError(
                f"the forced update of {service.name} stopped: {state}",
                seen=str(status.get("Message", "")),
                next_step=f"see `docker service ps {service.name}`, mend the service, then run again; "
                f"or exempt it: docker service update --label-add metalswarm.rebalance=false {service.name}",
            )
        return state == "completed" or Pending(state or "not begun")

    wait_until(
        f"{service.name} is spread anew",
        probe,
        deadline=deadline,
        fail=lambda late, seen: ClusterError(
            late,
            seen=seen,
            next_step=f"it goes on by itself: see `docker service ps {service.name}`; then run again",
        ),
        passing=(EngineSilent, EngineUnready),
    )


def _own_seconds(spec: Mapping[str, Any], service: Service) -> float:
    own = spec.get("UpdateConfig") or {}
    return update_seconds(
        service.replicas or 0,
        parallelism=int(own.get("Parallelism", 1)),
        delay=float(own.get("Delay") or 0) / _NANO,
        monitor=float(own.get("Monitor") or 0) / _NANO,
    )
