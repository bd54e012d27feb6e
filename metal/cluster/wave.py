"""One host's turn to be disrupted: its place in the wave, drained, changed, healthy, and back at work."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum

from metal.cluster.disrupt import DRAINED_NOTE, Disrupt
from metal.cluster.docker.api import DockerApi, EngineSilent, EngineUnready
from metal.cluster.place import await_place, away_hosts
from metal.cluster.standing import Standing
from metal.cluster.swarm.drain import WorkLeft, await_empty
from metal.cluster.swarm.listed import set_availability
from metal.cluster.swarm.view import View
from metal.cluster.swarm.workload import await_whole, services_whole_on
from metal.errors import Cancelled, ClusterError, MetalError
from metal.host.ssh import Ssh
from metal.plan.waves import place_of
from metal.settings.access import Access
from metal.site import Site
from metal.waiting import Pending, wait_until

__all__ = ["Layer", "rolling"]

# A swarm whose leader is gone has another one within seconds; after this it is taken to have none.
_ELECTION_SECONDS = 30.0


class Layer(StrEnum):
    """What an act changes; it is answerable for the host it drained."""

    SYSTEM = "system"
    ENGINE = "engine"
    CONSUL = "consul"


@contextmanager
def rolling(site: Site, host: str, access: Access, layer: Layer) -> Iterator[Disrupt]:
    """Around one act on a host: what it calls to disrupt it. What an earlier run left drained is put back at the end.

    :raises WaveStopped: a host before this one is not well; nothing was touched.
    :raises ClusterError: it could not be drained, or is not healthy afterwards, within the deadlines.
    """
    turn = _Turn(site, host, access, layer)
    yield turn.disrupt
    turn.finish()


class _Turn:
    """The disruptions of one act on one host. For one thread."""

    def __init__(self, site: Site, host: str, access: Access, layer: Layer) -> None:
        self.site, self.host, self.layer = site, host, layer
        self.place = place_of(site.fleet, host)
        self.standing = Standing(site, host, access)
        self.whole: tuple[str, ...] = ()
        self._leaderless = False
        self._silent_since: float | None = None

    @contextmanager
    def disrupt(self, why: str) -> Iterator[None]:
        if self.place is None:
            yield
            return
        places = self.site.places
        self.standing.learn()
        await_place(self.site, self.place, self._look)
        served = self.standing.in_swarm
        try:
            with places.guard(self.host):
                self._drain(why)
            yield
            with places.guard(self.host):
                if served and places.acts(self.host) == 1 and not places.has_stopped(self.host):
                    self._restore()
        except Cancelled:
            raise
        except MetalError as error:
            places.stop(self.host, error.brief)
            raise
        finally:
            places.done(self.host)

    def finish(self) -> None:
        """Give the host back the work that an earlier run took from it and did not give back."""
        if self.place is None or not self.standing.cluster or self.site.places.holds(self.host):
            return
        note = _read(self.standing.ssh())
        if note is None or not self._may_await(note):
            return
        self.site.run.progress(f"{self.host}: was left drained by an earlier run; goes back to work")
        with self.site.places.guard(self.host):
            self._restore()

    def _may_await(self, note: dict[str, str]) -> bool:
        """Whether the host comes back without an act after this one: its engine may be another link's to mend."""
        if self.layer is Layer.ENGINE or note.get("by") == self.layer:
            return True
        self.standing.learn()
        return self.standing.in_swarm

    def _look(self) -> frozenset[str] | Pending:
        """Who of the pool is away, once swarm and Consul can do without this host."""
        if not self.standing.in_swarm:
            return frozenset()
        with self.standing.manager() as found:
            if found is None:
                return self._without_manager()
            self._silent_since, self._leaderless = None, False
            view = found[1]
        return self.standing.indispensable(view) or away_hosts(self.site, self.host, view)

    def _without_manager(self) -> frozenset[str] | Pending:
        if self.standing.forget_given_up():
            self.site.run.progress(f"{self.host}: its swarm was given up, so it is not drained")
            return frozenset()
        now = self.site.run.clock()
        self._silent_since = now if self._silent_since is None else self._silent_since
        if not self.standing.is_manager or now - self._silent_since < _ELECTION_SECONDS:
            return Pending(f"no manager of its swarm answers, so it cannot be drained ({self.standing.silence})")
        # The restart of a manager costs nothing then, and may be what brings the swarm back.
        self.site.run.progress(f"{self.host}: no manager answers, so it is not drained")
        self._leaderless = True
        return frozenset()

    def _drain(self, why: str) -> None:
        if self.standing.in_swarm and not self._leaderless:
            self.site.run.progress(f"{self.host}: is drained: {why}")
            self._ask_manager("is drained", self._drain_by)

    def _drain_by(self, manager: DockerApi, view: View) -> None:
        ssh, node = self.standing.ssh(), self.standing.node or ""
        own = view.node(node)
        if own is None:
            return
        whole = services_whole_on(manager, node)
        if _read(ssh) is None:  # else by another act, or by an earlier run
            note = {"availability": own.availability, "by": self.layer.value}
            ssh.write(DRAINED_NOTE, json.dumps(note) + "\n", mode=0o644)
        self.whole = whole or self.whole
        try:
            self._empty(manager, node, whole)
        except WorkLeft:
            # Nothing was changed yet, so it goes on as it was.
            self._give_back(manager, ssh)
            raise

    def _ask_manager(self, what: str, act: Callable[[DockerApi, View], None]) -> None:
        """Have a manager do it, the next one where one falls silent over it."""

        def probe() -> bool | Pending:
            with self.standing.manager() as found:
                if found is None:
                    return Pending(self.standing.silence)
                act(*found)
            return True

        wait_until(
            f"{self.host} {what}",
            probe,
            deadline=self.site.run.deadline(self.standing.patience),
            fail=lambda late, seen: ClusterError(
                f"{late}; no manager answers",
                seen=seen,
                next_step="bring the managers up, then run again",
            ),
            host=self.host,
            passing=(EngineSilent, EngineUnready),
        )

    def _empty(self, manager: DockerApi, node: str, whole: tuple[str, ...]) -> None:
        limits, run = self.site.fleet.deadlines, self.site.run
        set_availability(manager, node, "drain", deadline=run.deadline(limits.swarm), host=self.host)
        deadline = run.deadline(limits.drain)
        # Containers of no service are not moved by a drain; they go down and come up with the engine.
        await_empty(manager, None, node, returns=True, deadline=deadline, host=self.host)
        what = "its services run elsewhere"
        await_whole(manager, whole, homeless=True, deadline=deadline, host=self.host, what=what)

    def _restore(self) -> None:
        """Wait until the host is healthy, and give it back its work."""
        ssh = self.standing.ssh()
        drained = _read(ssh) is not None
        if not self.standing.cluster or not (self.standing.in_swarm or drained):
            return
        self.standing.await_back()
        if not drained:
            return
        self._ask_manager("has its work back", lambda manager, view: self._give_back(manager, ssh))
        self._ask_manager("runs what it ran", lambda manager, view: self._await_whole(manager))

    def _await_whole(self, manager: DockerApi) -> None:
        deadline = self.site.run.deadline(self.site.fleet.deadlines.drain)
        what = "its services are whole again"
        await_whole(manager, self.whole, homeless=False, deadline=deadline, host=self.host, what=what)

    def _give_back(self, manager: DockerApi, ssh: Ssh) -> None:
        availability = (_read(ssh) or {}).get("availability") or "active"
        limit = self.site.run.deadline(self.site.fleet.deadlines.swarm)
        set_availability(manager, self.standing.node or "", availability, deadline=limit, host=self.host)
        ssh.remove(DRAINED_NOTE)


def _read(ssh: Ssh) -> dict[str, str] | None:
    """What a drain noted on the host; empty where it cannot be read, None where there is nothing."""
    content = ssh.read(DRAINED_NOTE)
    if content is None:
        return None
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}
