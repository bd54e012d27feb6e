"""Moves a living cluster over to the wanted secrets, before one of its members takes them.

Whichever member comes first does what concerns all of them, through the cluster itself; the others find it done. So no
member waits for another one's update, whatever number of operations the engine runs at a time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from metal.cluster.consul import paths
from metal.cluster.consul.api import ConsulApi
from metal.cluster.consul.certificate import Reached, observe_certificates, rotate_authority
from metal.cluster.consul.gossip import has_stale_keyring, rotate_gossip
from metal.cluster.consul.living import find_living, living_api, reachable_hosts
from metal.cluster.consul.observe import LocalFiles
from metal.cluster.consul.tokens import ensure_management, ensure_tokens, holder, remove_tokens
from metal.cluster.consul.wish import MemberWish
from metal.cluster.turn import turn
from metal.host.ssh import Ssh
from metal.pki.secrets import ClusterSecrets
from metal.plan.rotation import CaMember, candidates
from metal.settings.fleet import Identity
from metal.site import Site

__all__ = ["retire", "retire_management", "rotate"]


@dataclass(frozen=True)
class _Behind:
    """What a host has that is not as wanted."""

    ca: bool
    gossip: bool
    acl: bool

    @property
    def anything(self) -> bool:
        return self.ca or self.gossip or self.acl


def rotate(site: Site, wish: MemberWish, ssh: Ssh, files: LocalFiles) -> Reached:
    """Have the living cluster take the wanted secrets, if this host shows that it may not have them.

    Nothing happens for a host that was never a member, and where no server knows a leader: a member that runs then
    keeps its certificate until one does.

    :raises ClusterError: a step did not come to its end within the deadline `consul`.
    """
    goal = Reached.wanted(site, wish)
    if not files.config or not _behind(site, wish, ssh).anything:
        return goal
    seconds = site.fleet.deadlines.consul * max(1, len(wish.servers))
    with turn("consul", wish.cluster, host=wish.host, deadline=site.run.deadline(seconds)):
        # Whoever had the turn before may have done it.
        behind = _behind(site, wish, ssh)
        if not behind.anything:
            return goal
        deadline = site.run.deadline(site.fleet.deadlines.consul)
        if find_living(site, wish, deadline=deadline) is None:
            return Reached.kept(site, wish, ssh, "no Consul server knows a leader") if files.active else goal
        with living_api(site, wish, deadline=deadline) as api:
            return _rotate(site, wish, ssh, api, behind)


def _rotate(site: Site, wish: MemberWish, ssh: Ssh, api: ConsulApi, behind: _Behind) -> Reached:
    secrets = wish.secrets(site)
    if behind.acl:
        ensure_management(api, wish.cluster, secrets, wish.wanted(site).acl)
        ensure_tokens(api, wish, secrets)
    if behind.gossip:
        deadline = site.run.deadline(site.fleet.deadlines.consul)
        rotate_gossip(api, secrets.gossip_key, host=wish.host, deadline=deadline)
    if behind.ca:
        deadline = site.run.deadline(site.fleet.deadlines.consul)
        left = rotate_authority(site, wish, api, deadline=deadline)
        if left:
            site.run.progress(f"{wish.host}: {left}")
            return Reached.kept(site, wish, ssh, left)
    return Reached.wanted(site, wish)


def retire(site: Site, wish: MemberWish) -> tuple[str, ...]:
    """Take away the tokens that the host had before a rotation, and the old management tokens after the last host.

    :returns: the hosts that have not changed over yet; the old management token stays for them.
    """
    goal = wish.wanted(site).acl
    if goal == 1:
        return ()
    with living_api(site, wish, deadline=site.run.deadline(site.fleet.deadlines.consul)) as api:
        if not _old_management(site, wish, api):
            return ()
        for number in candidates(goal, wish.identity.acl):
            if number != goal:
                remove_tokens(api, wish, _secrets(site, wish.cluster, number))
        return retire_management(site, wish, api)


def retire_management(site: Site, wish: MemberWish, api: ConsulApi) -> tuple[str, ...]:
    """Take the old management tokens away when no host that may be dialled has tokens of theirs; else those hosts.

    :param api: of a server, which remembers no answers.
    """
    cluster = site.fleet.clusters.get(wish.cluster)
    old = _old_management(site, wish, api)
    if cluster is None or not old:
        return ()
    there = {str(token["AccessorID"]) for token in api.get("acl/tokens") or []}
    goal, left = cluster.identity.acl, []
    for host in reachable_hosts(site, cluster.hosts):
        generations = [_secrets(site, wish.cluster, number) for number in candidates(goal) if number != goal]
        if any({one.agent_accessor(host), one.swarm_accessor(host)} & there for one in generations):
            left.append(host)
    if not left:
        for accessor in old:
            api.delete(f"acl/token/{accessor}")
    return tuple(left)


def _old_management(site: Site, wish: MemberWish, api: ConsulApi) -> tuple[str, ...]:
    """Accessors of the management tokens that are not the wanted one and still work."""
    keys, goal = wish.keys(site), wish.wanted(site).acl
    numbers = [number for number in candidates(goal, wish.identity.acl) if number != goal]
    found = [holder(api, keys.token(number)) for number in numbers]
    return tuple(accessor for accessor in found if accessor is not None)


def _behind(site: Site, wish: MemberWish, ssh: Ssh) -> _Behind:
    goal, secrets = wish.wanted(site), wish.secrets(site)
    final = CaMember(frozenset({goal.ca, goal.ca + 1}), goal.ca)
    return _Behind(
        ca=observe_certificates(site, wish, ssh) != final,
        gossip=has_stale_keyring(ssh, secrets.gossip_key),
        acl=_agent_token(ssh) not in (None, secrets.agent_token(wish.host), secrets.management_token),
    )


def _agent_token(ssh: Ssh) -> str | None:
    """The token that the agent's configuration names."""
    try:
        return str(json.loads(ssh.read(paths.CONFIG) or b"")["acl"]["tokens"]["agent"])
    except (ValueError, KeyError, TypeError):
        return None


def _secrets(site: Site, cluster: str, acl: int) -> ClusterSecrets:
    return ClusterSecrets.derive(site.credentials.seed(), cluster, Identity(acl=acl))
