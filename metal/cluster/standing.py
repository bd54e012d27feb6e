"""Where one host stands in its swarm and its Consul: may it be away for a moment, and is it back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from metal.cluster.consul import MemberWish, find_living, living_api
from metal.cluster.consul.api import ConsulRefused, ConsulSilent
from metal.cluster.consul.servers import voters_of
from metal.cluster.docker.api import DockerApi, EngineSilent, EngineUnready
from metal.cluster.swarm.living import LivingManagers
from metal.cluster.swarm.view import Local, View, observe_local
from metal.errors import ClusterError, HostError
from metal.host.service import observe_unit
from metal.host.ssh import Ssh
from metal.plan.consul import Voters, decide_restart
from metal.plan.join import LocalState, Role
from metal.plan.majority import may_restart
from metal.plan.override import gives_up
from metal.plan.verdict import Wait
from metal.settings.access import Access
from metal.site import Site
from metal.waiting import Deadline, Pending, wait_until

__all__ = ["Standing"]

T = TypeVar("T")

_LOOK_SECONDS = 10.0


class Standing:
    """One host as its own engine, the managers and the Consul servers see it. For one thread.

    :ivar node: its id in its swarm; None where it is in none, or its engine does not say.
    :ivar is_manager: whether its engine says that it is one.
    """

    def __init__(self, site: Site, host: str, access: Access) -> None:
        self._site, self._host, self._access = site, host, access
        wish = site.fleet.hosts.get(host)
        self.cluster = (wish.cluster or "") if wish else ""
        self._is_server = bool(wish and wish.is_consul_server)
        self._living = LivingManagers(site, self.cluster, host=host, access=access)
        self.node: str | None = None
        self.is_manager = False
        self._swarm: str | None = None

    @property
    def in_swarm(self) -> bool:
        return bool(self.cluster) and self.node is not None

    @property
    def silence(self) -> str:
        """Why no manager answered."""
        return self._living.seen

    @property
    def patience(self) -> float:
        """Seconds within which a manager answers again: where there is one only, it may be rebooting."""
        limits, wish = self._site.fleet.deadlines, self._site.fleet.clusters.get(self.cluster)
        return limits.swarm if wish and len(wish.managers) > 1 else limits.swarm + limits.boot

    def ssh(self) -> Ssh:
        return self._site.ssh.connect(self._access, deadline=self._site.run.deadline(self._site.fleet.deadlines.ssh))

    def learn(self) -> Local | None:
        """Ask its own engine which node of which swarm it is; None where that does not answer."""
        ssh = self.ssh()
        if not observe_unit(ssh, "docker.service").up:
            return None
        try:
            with DockerApi(ssh, timeout=_LOOK_SECONDS) as api:
                local = observe_local(ssh, api)
        except EngineSilent:
            return None
        if local.state is LocalState.ACTIVE:
            self._swarm, self.node, self.is_manager = local.swarm, local.node, local.role is Role.MANAGER
        return local

    @contextmanager
    def manager(self) -> Iterator[tuple[DockerApi, View] | None]:
        """A manager of its swarm that answers, the host itself last."""
        with self._living.open(self._swarm) as found:
            yield found

    def forget_given_up(self) -> bool:
        """Whether its swarm is one that the settings gave up, and whose managers founded another; then it is in none.

        Its own engine cannot tell: a worker waits for its managers for ever.
        """
        wish = self._site.fleet.clusters.get(self.cluster)
        managers = wish.managers if wish else ()
        if self.is_manager or wish is None or not any(gives_up(wish.override, managers, one) for one in managers):
            return False
        told = [local for _, local in self._living.locals_of(managers)]
        ours = [local for local in told if local.state is not LocalState.ACTIVE or local.swarm == self._swarm]
        if ours or not told:
            return False
        self.node = None
        return True

    def indispensable(self, view: View) -> Pending | None:
        """What keeps this voter from being away for a moment; None where nothing does, or it is none."""
        own = view.node(self.node)
        if own is not None and own.voter and not may_restart(view.managers, view.reachable, own.id):
            return Pending(f"{len(view.reachable)} of {len(view.managers)} managers are reachable")
        wish = self._consul()
        if wish is None or not self._is_server:
            return None
        if find_living(self._site, wish, deadline=self._consul_deadline()) is None:
            return None  # with no leader anywhere nothing is lost
        asked = self._ask_consul(wish)
        verdict = decide_restart(self._host, asked[1]) if not isinstance(asked, Pending) else asked
        return Pending(f"Consul: {verdict.reason}") if isinstance(verdict, Wait) else None

    def await_back(self) -> None:
        """Wait until it is ready, reachable as a manager, and alive in Consul.

        :raises ClusterError: not within the deadlines `swarm` and `consul`.
        """
        limits = self._site.fleet.deadlines
        self._until(f"{self._host} is ready in the swarm again", self._ready, self.patience)
        wish = self._consul()
        if wish is not None:
            self._until(f"{self._host} is alive in Consul", lambda: self._alive(wish), limits.consul)

    def _ready(self) -> bool | Pending:
        """The engine's own word and the managers': the latter may be of before the change."""
        local = self.learn()
        if local is None or local.state is not LocalState.ACTIVE or local.role is None:
            said = (local.state, local.error) if local else ("silent",)
            return Pending(" ".join(filter(None, ("its engine is", *said))))
        with self.manager() as found:
            if found is None:
                return Pending(f"no manager answers ({self.silence})")
            node = found[1].node(self.node)
        if node is None or not node.ready:
            return Pending(f"the managers call it {node.state if node else 'unknown'}")
        if local.role is Role.MANAGER and not node.reachable:
            return Pending("the leader does not reach it yet")
        return True

    def _alive(self, wish: MemberWish) -> bool | Pending:
        asked = self._ask_consul(wish)
        if isinstance(asked, Pending):
            return asked
        serf, voters = asked
        if serf != "passing":
            return Pending(f"Consul calls it {serf or 'unknown'}")
        if self._is_server and self._host not in voters.healthy:
            return Pending("it is no healthy voter yet")
        return True

    def _ask_consul(self, wish: MemberWish) -> tuple[str, Voters] | Pending:
        """The host's gossip health, and the voters."""
        try:
            with living_api(self._site, wish, deadline=self._consul_deadline()) as api:
                checks = api.get(f"health/node/{self._host}") or []
                voters = voters_of(api.autopilot())
        except (ConsulSilent, ConsulRefused) as error:
            return Pending(error.seen or error.what)
        return next((str(check["Status"]) for check in checks if check["CheckID"] == "serfHealth"), ""), voters

    def _consul(self) -> MemberWish | None:
        if not self.cluster or self._site.fleet.consul is None:
            return None
        return replace(MemberWish.of(self._site.fleet, self._host), access=self._access)

    def _consul_deadline(self) -> Deadline:
        return self._site.run.deadline(self._site.fleet.deadlines.consul)

    def _until(self, what: str, probe: Callable[[], T | Pending], seconds: float) -> T:
        return wait_until(
            what,
            probe,
            deadline=self._site.run.deadline(seconds),
            fail=lambda late, seen: ClusterError(
                late,
                seen=seen,
                next_step="look at `journalctl -u docker -u consul` there; the next run goes on with this host",
            ),
            host=self._host,
            passing=(EngineSilent, EngineUnready, HostError),
        )
