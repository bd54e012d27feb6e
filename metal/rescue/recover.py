"""Brings a cluster back that has lost its quorum for good, from the managers and servers that are left."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from metal.chassis.power import read_power
from metal.cluster.consul import MemberWish, find_living
from metal.cluster.consul.observe import observe_files
from metal.cluster.swarm.living import LivingManagers
from metal.cluster.swarm.view import View
from metal.errors import BmcError, HostError, HostFault
from metal.plan.rescue import Recovery, RescueSight, Voter
from metal.rescue.consul_servers import shrink_consul
from metal.rescue.managers import rejoin, shrink_swarm
from metal.rescue.raft import raft_age
from metal.site import Site

__all__ = ["RecoveryReport", "observe_recovery", "recover"]

_LOOK_SECONDS = 15.0
_AT_ONCE = 16
_SILENT = (HostFault.UNREACHABLE, HostFault.TIMEOUT)


@dataclass(frozen=True)
class RecoveryReport:
    """:ivar swarm: id of the swarm; the same as before. Empty where the swarm had its quorum."""

    cluster: str
    swarm: str
    servers: tuple[str, ...]
    managers: tuple[str, ...]


def observe_recovery(site: Site, cluster: str) -> RescueSight:
    """Ask every wanted manager and Consul server, their BMCs, the swarm and Consul; changes nothing."""
    wish = site.fleet.clusters[cluster]
    names = sorted({*wish.managers, *wish.consul_servers})
    with ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="rescue") as pool:
        voters = tuple(pool.map(lambda name: _voter(site, cluster, name), names))
    own = wish.consul.external is None
    member = MemberWish.asking(site.fleet, cluster)
    consul = find_living(site, member, deadline=site.run.deadline(_LOOK_SECONDS * len(names))) if own else member.host
    with LivingManagers(site, cluster).open(None) as found:
        voting = () if found is None else (found[0].host, *_voting(found[1], names))
    return RescueSight(voters, tuple(dict.fromkeys(voting)), consul_leads=consul is not None)


def recover(site: Site, cluster: str, plan: Recovery) -> RecoveryReport:
    """Carry out what was decided: fence, Consul, swarm. Safe to run again with a fresh plan after a crash.

    :raises BmcError: a host that shall be switched off cannot be; nothing else was touched then.
    :raises ClusterError: no leader in time; says what to look at.
    """
    for name in plan.fence:
        _fence(site, name)
    if plan.servers:
        shrink_consul(site, cluster, plan.servers, gone=plan.dead)
    swarm, managers = "", site.fleet.clusters[cluster].managers
    if plan.founder:
        swarm = shrink_swarm(site, cluster, plan.founder, gone=plan.dead)
        managers = tuple(sorted({plan.founder, *plan.rejoin}))
    for name in plan.rejoin:
        rejoin(site, cluster, name, founder=plan.through)
    return RecoveryReport(cluster, swarm, plan.servers, managers)


def _voting(view: View, names: list[str]) -> list[str]:
    return [name for name in names if any(node.voter for node in view.lives_of(name))]


def _voter(site: Site, cluster: str, name: str) -> Voter:
    wish = site.fleet.clusters[cluster]
    manager, server = name in wish.managers, name in wish.consul_servers
    wanted = site.fleet.hosts[name]
    if wanted.hold or wanted.lost:  # never dialled; of a lost one the inventory says that it will not come back
        return Voter(name, manager, server, answers=False, power="off" if wanted.lost else "")
    try:
        ssh = site.ssh.connect(site.access(name), deadline=site.run.deadline(_LOOK_SECONDS))
    except HostError as error:
        if error.fault not in _SILENT:
            raise
        return Voter(name, manager, server, answers=False, power=_power(site, name))
    return Voter(name, manager, server, answers=True, raft=raft_age(site, ssh), consul=observe_files(ssh).formed)


def _power(site: Site, name: str) -> str:
    facts = site.fleet.facts(name)
    if facts is None or facts.bmc is None:
        return ""
    try:
        return read_power(site, facts.bmc)
    except BmcError:
        return ""


def _fence(site: Site, name: str) -> None:
    facts = site.fleet.facts(name)
    assert facts is not None
    assert facts.bmc is not None
    site.run.progress(f"{name}: does not answer and is on: switched off")
    with site.bmcs.open(facts.bmc, deadline=site.run.deadline(site.fleet.deadlines.power)) as bmc:
        bmc.power_off(soft=0)
