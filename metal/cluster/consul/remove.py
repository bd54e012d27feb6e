"""Take one host out of Consul: by itself while it answers, by the living side when it does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from metal.cluster.consul import paths
from metal.cluster.consul.api import ConsulApi, ConsulRefused, ConsulSilent, open_api
from metal.cluster.consul.guest import remove_guest
from metal.cluster.consul.living import dialable_servers, living_api
from metal.cluster.consul.observe import observe_files
from metal.cluster.consul.registration import node_key
from metal.cluster.consul.rotate import retire_management
from metal.cluster.consul.servers import keep_quorum, raft_id, voters_of
from metal.cluster.consul.tokens import remove_tokens
from metal.cluster.consul.wish import MemberWish
from metal.cluster.reach import reach_leaver
from metal.cluster.turn import turn
from metal.errors import ClusterError, PlanRefused
from metal.host.service import remove_unit
from metal.host.ssh import Ssh
from metal.pki.host_key import remove_host_certificate
from metal.plan.consul import decide_removal
from metal.plan.override import waives
from metal.plan.quorum import Rule
from metal.plan.rotation import candidates
from metal.plan.verdict import Refuse, Wait
from metal.site import Site
from metal.waiting import Deadline, Pending, wait_until

__all__ = ["await_gone", "remove_member", "step_down"]


# serf's member states.
_ALIVE, _LEAVING, _LEFT, _FAILED = 1, 2, 3, 4
_STATES = {_ALIVE: "alive", _LEAVING: "leaving", _FAILED: "failed"}

_CLEAR = """
rm -rf -- "$1" "$2"
[ ! -d "$3" ] || rmdir --ignore-fail-on-non-empty -- "$3"
"""


def remove_member(site: Site, wish: MemberWish, *, dissolving: bool, leave: Callable[[], None] | None = None) -> None:
    """Have the host no member of its datacenter, and nothing of it left there; succeeds when it is gone.

    A server leaves only when the wanted servers vote and its going costs no quorum (add before remove). A host that
    does not answer within the deadline `evict` is taken out by the living servers.

    :param dissolving: the whole cluster goes away: no quorum is kept, nobody is told. An existing Consul stays, and is.
    :param leave: has the host out of its swarm; called before its agent goes. None where the host stays in its swarm,
        and only its agent changes.
    :raises PlanRefused: it is the last server of a cluster that stays.
    :raises ClusterError: no server took over in time, or the servers did not let it go within the deadline `consul`.
    :raises HostError: the host failed while it was being cleared.
    """
    ssh = reach_leaver(site, wish.access, instead="the Consul servers take it out")
    if leave is not None:
        leave()
    if wish.is_guest:
        remove_guest(site, wish, ssh)
        return
    if dissolving and wish.external is None:
        if ssh is not None:
            _clear(site, ssh)
        return
    _require_other_servers(site, wish)
    if wish.server:
        _part_in_turn(site, wish, ssh)
    else:
        _part(site, wish, ssh)
    if ssh is not None:
        _clear(site, ssh)


def step_down(site: Site, wish: MemberWish, ssh: Ssh) -> None:
    """Take a host that is to be a client out of the raft that it still has data of; nothing when it has none."""
    if not observe_files(ssh).raft:
        return
    remove_member(site, replace(wish, server=True), dissolving=False)


def _part_in_turn(site: Site, wish: MemberWish, ssh: Ssh | None) -> None:
    """A server that is to take over needs the turn for its join, so it is waited for without holding it."""
    limits, servers = site.fleet.deadlines, max(1, len(wish.servers), len(_wanted(site, wish)))
    # The one that takes over may have to be installed first.
    patience = site.run.deadline(limits.boot + limits.ssh + limits.ready + limits.packages + servers * limits.consul)

    def probe() -> bool | Pending:
        return _waits_for(site, wish, dead=ssh is None) or True

    while True:
        _wait(f"the Consul servers can do without {wish.host}", probe, wish, patience)
        with turn("consul", wish.cluster, host=wish.host, deadline=site.run.deadline(servers * limits.consul)):
            # Another server may have gone while this one waited for its turn.
            if _waits_for(site, wish, dead=ssh is None) is None:
                _part(site, wish, ssh)
                return


def _require_other_servers(site: Site, wish: MemberWish) -> None:
    if wish.external is None and not dialable_servers(site, wish, without=wish.host):
        raise PlanRefused(
            "it is the last Consul server that could be asked",
            host=wish.host,
            next_step="name another server in clusters.<name>.consul.servers first, or remove the whole cluster",
        )


def _part(site: Site, wish: MemberWish, ssh: Ssh | None) -> None:
    deadline = site.run.deadline(site.fleet.deadlines.consul)
    with living_api(site, wish, without=wish.host, deadline=deadline) as api:
        if ssh is not None:
            _leave(site, ssh, wish)
        await_gone(wish, api, dead=ssh is None, deadline=deadline)
        line = api.get(f"kv/{node_key(wish)}")
        if line:
            api.delete(f"kv/{node_key(wish)}", cas=str(line[0]["ModifyIndex"]))
        if wish.token(site):
            for number in candidates(wish.wanted(site).acl, wish.identity.acl):
                remove_tokens(api, wish, replace(wish, identity=replace(wish.identity, acl=number)).secrets(site))
        if wish.external is None:
            retire_management(site, wish, api)
        if wish.server:
            keep_quorum(api, len(_wanted(site, wish)))


def _wanted(site: Site, wish: MemberWish) -> frozenset[str]:
    return frozenset(dialable_servers(site, wish, without=wish.host))


def _waits_for(site: Site, wish: MemberWish, *, dead: bool) -> Pending | None:
    """What a server's going has to wait for at this moment; None when it may go, or is in no raft."""
    cluster = site.fleet.clusters.get(wish.cluster)
    waived = cluster is not None and waives(cluster.override, Rule.QUORUM)
    deadline = site.run.deadline(site.fleet.deadlines.consul)
    with living_api(site, wish, without=wish.host, deadline=deadline) as api:
        if raft_id(api, wish.host) is None:
            return None
        wanted, voters = _wanted(site, wish), voters_of(api.autopilot())
        decision = decide_removal(wish.host, voters, wanted=wanted, dead=dead, waived=waived)
    if isinstance(decision, Refuse):
        raise PlanRefused(decision.reason, host=wish.host, next_step=decision.next_step)
    return Pending(decision.reason) if isinstance(decision, Wait) else None


def _leave(site: Site, ssh: Ssh, wish: MemberWish) -> None:
    """Ask the agent to leave. An agent that is down or refuses is taken out by the others like a dead one."""
    if not observe_files(ssh).active:
        return
    # Without the timer, nobody writes the line again after it was taken away.
    ssh.run(["systemctl", "stop", "--", paths.ENTRY_TIMER], check=False)
    try:
        with open_api(ssh, wish.keys(site)) as api:
            api.put("agent/leave")
    except (ConsulSilent, ConsulRefused) as error:
        site.run.progress(f"{wish.host}: its agent did not leave by itself ({error.seen})")
    # systemd would start it again.
    ssh.run(["systemctl", "disable", "--now", "--", paths.UNIT], check=False)


def await_gone(wish: MemberWish, api: ConsulApi, *, dead: bool, deadline: Deadline) -> None:
    """Wait until gossip, raft and catalogue have forgotten the host; whatever lingers is taken out."""

    def probe() -> bool | Pending:
        members = {member["Name"]: member["Status"] for member in api.get("agent/members") or []}
        status = members.get(wish.host)
        if status == _FAILED or (status == _ALIVE and not dead):
            # Not pruned: a host that gossip was told to forget and that comes back within minutes stays unregistered
            # until the leader's next full reconciliation. One that left is taken back at once.
            api.put(f"agent/force-leave/{wish.host}")
        if status not in (None, _LEFT):
            return Pending(f"gossip says: {_STATES.get(status, status)}")
        peer = raft_id(api, wish.host) if wish.server else None
        if peer is not None:
            api.delete("operator/raft/peer", id=peer)
            return Pending("it was still a raft peer")
        if api.get(f"catalog/node/{wish.host}"):
            api.put("catalog/deregister", {"Datacenter": wish.datacenter, "Node": wish.host})
            return Pending("it was still in the catalogue")
        return True

    _wait(f"Consul has forgotten {wish.host}", probe, wish, deadline)


def _clear(site: Site, ssh: Ssh) -> None:
    """Take units, configuration, secrets and data off the host; the binary and the user stay."""
    deadline = site.run.deadline(site.fleet.deadlines.consul)
    for unit in (paths.ENTRY_TIMER, paths.ENTRY_UNIT, paths.UNIT):
        remove_unit(ssh, unit, deadline=deadline)
    remove_host_certificate(ssh, paths.TLS_FOLDER)
    for path in (paths.CONFIG, paths.SERVICE, *paths.OUTSIDE):
        ssh.remove(path)
    ssh.script(_CLEAR, paths.DATA, paths.OWN_FOLDER, paths.CONFIG_FOLDER)


def _wait(what: str, probe: Callable[[], bool | Pending], wish: MemberWish, deadline: Deadline) -> None:
    def fail(late: str, seen: str) -> ClusterError:
        return ClusterError(
            late,
            seen=seen,
            next_step="see `consul members` and `consul operator raft list-peers` on a server, then run again",
        )

    wait_until(what, probe, deadline=deadline, fail=fail, host=wish.host, passing=(ConsulSilent, ConsulRefused))
