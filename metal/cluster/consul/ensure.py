"""Bring one host into Consul and register it there: servers found or join the cluster, clients come after."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TypeVar

from metal.cluster.consul import paths
from metal.cluster.consul.api import ConsulApi, ConsulRefused, ConsulSilent
from metal.cluster.consul.certificate import Reached
from metal.cluster.consul.gossip import discard_stale_keyring, has_stale_keyring
from metal.cluster.consul.guest import ensure_guest
from metal.cluster.consul.install import Installed, install, write_config
from metal.cluster.consul.living import dialable_servers, find_living, living_api, member_api
from metal.cluster.consul.observe import LocalFiles, observe_files, observe_others, refuse_foreign, see_member
from metal.cluster.consul.reload import reload_agent
from metal.cluster.consul.remove import remove_member, step_down
from metal.cluster.consul.rotate import retire, rotate
from metal.cluster.consul.seen import MemberSeen
from metal.cluster.consul.servers import keep_quorum, voters_of
from metal.cluster.consul.tokens import ensure_tokens
from metal.cluster.consul.versions import await_servers
from metal.cluster.consul.wish import MemberReport, MemberWish
from metal.cluster.disrupt import Disrupt, at_once
from metal.cluster.turn import turn
from metal.errors import ClusterError
from metal.host.service import ensure_active
from metal.host.ssh import Ssh
from metal.pki.secrets import ClusterSecrets
from metal.plan.consul import Birth, JoinServers, StartSight, decide_join, decide_restart, decide_start
from metal.plan.verdict import Wait
from metal.settings.external import Agents
from metal.site import Site
from metal.waiting import Deadline, Pending, wait_until

__all__ = ["ensure_member"]

T = TypeVar("T")

_WHY = "its Consul agent restarts: binary, configuration or certificate changed"


def ensure_member(site: Site, wish: MemberWish, *, disrupt: Disrupt = at_once) -> MemberReport:
    """Have the host a live, registered member of its Consul datacenter. Idempotent; resumes at any point.

    Servers of a birth start together and wait for their leader; a server that joins a formed cluster, or whose agent
    must restart, takes the cluster's turn and waits until all is healthy again. When this returns, the swarm node's
    service is in the catalogue (failing, until the host joins the swarm).

    With an existing Consul the host's agent is a client of it, or there is none of ours at all.

    Raised rotation numbers move the living cluster first (:func:`metal.cluster.consul.rotate.rotate`); a running agent
    takes new secrets by a reload.

    :param disrupt: entered before an agent that runs is restarted.
    :raises HostError: the host, its download or its unit failed.
    :raises PlanRefused: its agent lives by another seed, or is somebody else's.
    :raises ClusterError: no leader, no vote, or no registration within the deadline `consul`.
    """
    ssh = site.ssh.connect(wish.access, deadline=site.run.deadline(site.fleet.deadlines.ssh))
    if wish.external is not None and wish.is_guest:
        if observe_files(ssh).config:
            # An agent of ours that is not wanted any more goes as it came.
            ours = replace(wish, external=replace(wish.external, agents=Agents.MANAGED))
            remove_member(site, ours, dissolving=False)
        return ensure_guest(site, wish)
    secrets = wish.secrets(site)
    files = observe_files(ssh)
    if wish.external is not None:
        refuse_foreign(ssh, files)
    elif not wish.server:
        step_down(site, wish, ssh)
        files = observe_files(ssh)
    expect = len(dialable_servers(site, wish))
    # What an existing Consul asks for is not ours to rotate.
    reached = rotate(site, wish, ssh, files) if wish.external is None else Reached.wanted(site, wish)
    installed = install(site, ssh, wish, secrets, reached, expect=expect, in_service=files.active or files.formed)
    act = _Ensuring(site, wish, ssh, secrets, installed, disrupt, rotated=wish.external is None and not reached.left)
    if wish.server:
        act.server()
    else:
        act.client()
    seen = act.registered()
    waiting = retire(site, wish) if wish.external is None else ()
    if waiting:
        site.run.progress(f"{wish.host}: the old management token of Consul stays for {', '.join(waiting)}")
    return MemberReport(
        host=wish.host,
        cluster=wish.cluster,
        datacenter=wish.datacenter,
        node_id=wish.node_id(secrets),
        server=wish.server,
        version=seen.version,
        not_after=installed.not_after,
        unfinished=reached.left,
    )


class _Ensuring:
    """One run of :func:`ensure_member`, after the files are in place."""

    def __init__(
        self,
        site: Site,
        wish: MemberWish,
        ssh: Ssh,
        secrets: ClusterSecrets,
        installed: Installed,
        disrupt: Disrupt,
        *,
        rotated: bool,
    ) -> None:
        """:param rotated: the living cluster is ours and has the wanted secrets."""
        self.site = site
        self.wish = wish
        self.ssh = ssh
        self.secrets = secrets
        self.installed = installed
        self.rotated = rotated
        self.disrupt = disrupt

    def client(self) -> None:
        """The tokens are made before the agent asks for them, so that it is registered with its first word."""
        deadline = self._deadline()

        def tokens() -> bool:
            with living_api(self.site, self.wish, without=self.wish.host, deadline=deadline) as api:
                return self._has_acls and ensure_tokens(api, self.wish, self.secrets)

        # The leader may change while it writes one.
        made = self._wait("Consul takes the tokens", tokens, deadline)
        files = observe_files(self.ssh)
        changed = write_config(self.ssh, self.installed, birth=False)
        # An agent that ran before its token was there remembers the refusal for a while; one that gets another token
        # has not asked with it yet.
        restarted = (made and not changed) or not self._is_current(files)
        replaced = files.active and restarted
        if replaced and self.wish.external is None:
            await_servers(self.site, self.wish)
        with self.disrupt(_WHY) if replaced else nullcontext():
            self._start(restarted=restarted, deadline=self._deadline())
        self._reload(self._deadline())

    @property
    def _has_acls(self) -> bool:
        return bool(self.wish.token(self.site))

    def server(self) -> None:
        files = observe_files(self.ssh)
        if self._is_current(files) and not self._birth_changed(files):
            self._settle()
            return
        others = {} if files.formed else observe_others(self.site, self.wish)
        wanted = tuple(dialable_servers(self.site, self.wish))
        decision = decide_start(StartSight(self.wish.host, wanted, files.formed, others))
        self.site.run.progress(f"{self.wish.host}: {decision.reason}")
        if isinstance(decision, Birth):
            write_config(self.ssh, self.installed, birth=True)
            self._start(restarted=files.active, deadline=self._deadline())
            self._settle()
        elif isinstance(decision, JoinServers):
            self._join()
        elif files.active:
            self._restart()
        else:
            write_config(self.ssh, self.installed, birth=False)
            self._start(restarted=False, deadline=self._deadline())
            self._settle()

    def _is_current(self, files: LocalFiles) -> bool:
        """The agent runs with what only a restart could change, and hears the others' gossip."""
        # Where the cluster could not be moved, the keyring that it has may be everybody's.
        isolated = files.active and self.rotated and has_stale_keyring(self.ssh, self.secrets.gossip_key)
        return files.active and files.edition == self.installed.edition and not isolated

    def _birth_changed(self, files: LocalFiles) -> bool:
        """It still waits to be born, with another number of servers than is wanted now."""
        if not files.birth or self.ssh.read(paths.CONFIG) == self.installed.birth.encode():
            return False
        try:
            with self._own_api(self._deadline()) as api:
                return not api.leader()
        except ConsulSilent:
            return True

    def registered(self) -> MemberSeen:
        """Wait until the catalogue has the host alive, its service and its line in the node list."""

        def probe() -> MemberSeen | Pending:
            with self._own_api(deadline) as api:
                seen = see_member(api, self.wish)
                if seen.serf == "passing" and not seen.registered:
                    # A run that ended between writing the service and telling the agent.
                    api.put("agent/reload")
            if seen.serf != "passing":
                return Pending(f"its node is {seen.serf or 'not'} in the catalogue")
            if not seen.registered:
                return Pending("its node is alive, its service is not in the catalogue")
            if seen.listed:
                return seen
            # Now, instead of at the timer's next tick.
            self.ssh.run(["systemctl", "start", "--", paths.ENTRY_UNIT], check=False)
            return Pending("its service is there, its line in the node list is not")

        deadline = self._deadline()
        return self._wait(f"{self.wish.host} is registered in Consul", probe, deadline)

    def _join(self) -> None:
        """A new server of a formed cluster: one at a time, and the next one when this one votes."""
        with self._turn():
            deadline = self._deadline()
            with living_api(self.site, self.wish, without=self.wish.host, deadline=deadline) as api:
                ensure_tokens(api, self.wish, self.secrets)
                self._await_healthy(api, deadline)
            write_config(self.ssh, self.installed, birth=False)
            self._start(restarted=True, deadline=deadline)
            self._settle()

    def _restart(self) -> None:
        """A voter's agent runs with old files: restart it while the others carry the cluster."""
        with self.disrupt(_WHY), self._turn():
            deadline = self._deadline()
            # With no leader anywhere nothing is lost by a restart, and it may be what the cluster waits for.
            if find_living(self.site, self.wish, deadline=deadline) is not None:
                with living_api(self.site, self.wish, deadline=deadline) as api:
                    self._await_gate(api, deadline)
            write_config(self.ssh, self.installed, birth=False)
            self._start(restarted=True, deadline=deadline)
            self._settle()

    def _settle(self) -> None:
        """Wait for leader, tokens and the own vote; then take the birth settings out of the file."""
        deadline = self._deadline()

        def led() -> str | Pending:
            with self._own_api(deadline) as api:
                return api.leader() or Pending("no leader yet")

        self._wait("Consul has a leader", led, deadline)

        def made() -> bool | Pending:
            with self._own_api(deadline) as api:
                ensure_tokens(api, self.wish, self.secrets)
            return True

        self._wait("Consul takes the tokens", made, deadline)

        def votes() -> bool | Pending:
            with self._own_api(deadline) as api:
                voters = voters_of(api.autopilot())
                keep_quorum(api, len(self.wish.servers))
            if self.wish.host in voters.healthy:
                return True
            state = "is not healthy" if self.wish.host in voters.all else "does not vote yet"
            return Pending(f"{state}; healthy voters: {', '.join(sorted(voters.healthy)) or 'none'}")

        self._wait(f"{self.wish.host} is a healthy voter", votes, deadline)
        write_config(self.ssh, self.installed, birth=False)
        self._reload(deadline)

    def _start(self, *, restarted: bool, deadline: Deadline) -> None:
        # The keyring of an existing Consul is kept by those who rotate it.
        if self.wish.external is None and (restarted or not observe_files(self.ssh).active):
            discard_stale_keyring(self.ssh, self.secrets.gossip_key)
        ensure_active(self.ssh, paths.UNIT, deadline=deadline, restarted=restarted)
        ensure_active(self.ssh, paths.ENTRY_TIMER, deadline=deadline)

    def _reload(self, deadline: Deadline) -> None:
        """Have the agent take tokens, certificates and service from its files, if it was not told of a change."""
        if observe_files(self.ssh).secrets != self.installed.secrets:
            reload_agent(self.ssh, self.wish.keys(self.site), deadline=deadline)
            self.ssh.write(paths.LOADED_SECRETS, self.installed.secrets, mode=0o644)

    def _await_healthy(self, api: ConsulApi, deadline: Deadline) -> None:
        wanted = frozenset(dialable_servers(self.site, self.wish))

        def probe() -> bool | Pending:
            verdict = decide_join(self.wish.host, voters_of(api.autopilot()), wanted=wanted)
            return Pending(verdict.reason) if isinstance(verdict, Wait) else True

        self._wait("the other Consul servers are healthy", probe, deadline)

    def _await_gate(self, api: ConsulApi, deadline: Deadline) -> None:
        def probe() -> bool | Pending:
            verdict = decide_restart(self.wish.host, voters_of(api.autopilot()))
            return Pending(verdict.reason) if isinstance(verdict, Wait) else True

        self._wait(f"the Consul cluster can do without {self.wish.host} for a moment", probe, deadline)

    def _own_api(self, deadline: Deadline) -> AbstractContextManager[ConsulApi]:
        return member_api(self.site, self.wish, self.wish.host, deadline=deadline)

    def _turn(self) -> AbstractContextManager[None]:
        seconds = self.site.fleet.deadlines.consul * max(1, len(self.wish.servers))
        return turn("consul", self.wish.cluster, host=self.wish.host, deadline=self.site.run.deadline(seconds))

    def _wait(self, what: str, probe: Callable[[], T | Pending], deadline: Deadline) -> T:
        def fail(late: str, seen: str) -> ClusterError:
            return ClusterError(
                late,
                seen=seen,
                next_step=f"look at `journalctl -u {paths.UNIT}` there and on the servers, then run again",
            )

        return wait_until(
            what, probe, deadline=deadline, fail=fail, host=self.wish.host, passing=(ConsulSilent, ConsulRefused)
        )

    def _deadline(self) -> Deadline:
        return self.site.run.deadline(self.site.fleet.deadlines.consul)
