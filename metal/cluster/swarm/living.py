"""Finds a manager of a swarm that answers and has a leader."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from metal.cluster.docker.api import DockerApi
from metal.cluster.swarm.view import Local, View, observe_local, observe_view
from metal.errors import Cancelled, MetalError
from metal.host.ssh import Ssh
from metal.plan.join import LocalState, Role
from metal.settings.access import Access
from metal.settings.fleet import HostFacts
from metal.site import Site

__all__ = ["LivingManagers"]

# A manager that is up answers within a round trip or two; the others are asked before it is tried again.
_CONNECT_SECONDS = 8.0
_CALL_SECONDS = 10.0
_SILENT_SECONDS = 20.0


class LivingManagers:
    """Tries hosts until one answers as a manager; remembers who did and who did not. For one operation, one thread.

    :param cluster: its wanted managers are tried first, then its other hosts.
    :param host: the host that the operation is about; tried last, since it is about to change.
    :param access: how that host is reached; None leaves it out.
    :param peers: further hosts by inventory name, tried after the cluster's own.
    """

    def __init__(
        self, site: Site, cluster: str, *, host: str = "", access: Access | None = None, peers: tuple[str, ...] = ()
    ) -> None:
        self._site = site
        self._host = host
        self._access = access
        wish = site.fleet.clusters.get(cluster)
        names = dict.fromkeys((*(wish.hosts if wish else ()), *peers))
        self._names = [name for name in names if name != host]
        self._silent: dict[str, float] = {}
        self._said: dict[str, str] = {}
        self.seen = "nobody was asked yet"

    @property
    def names(self) -> tuple[str, ...]:
        """The other hosts that may be managers, as far as is known."""
        return tuple(self._names)

    def learn(self, *hosts: str, addresses: tuple[str, ...] = ()) -> None:
        """Add hosts that may be managers: by name, or by the `ip:port` that engines know managers by."""
        known = {facts.access.address: name for name, facts in self._inventory()}
        told = (one.rpartition(":")[0].strip("[]") for one in addresses)
        found = [*hosts, *(known[ip] for ip in told if ip in known)]
        self._names += [name for name in dict.fromkeys(found) if name not in self._names and name != self._host]

    @contextmanager
    def open(self, swarm: str | None) -> Iterator[tuple[DockerApi, View] | None]:
        """Yield a manager's API with its view of the swarm, or None when none answers; :attr:`seen` then says why.

        :param swarm: id that the swarm must have; None takes any.
        """
        said: list[str] = []
        for name in self._order():
            access = self._access if name == self._host else self._access_of(name)
            if access is None:
                continue
            with ExitStack() as stack:
                try:
                    deadline = self._site.run.deadline(_CONNECT_SECONDS).look(_CONNECT_SECONDS)
                    ssh = self._site.ssh.connect(access, deadline=deadline)
                    api = stack.enter_context(DockerApi(ssh, timeout=_CALL_SECONDS))
                    view = self._view(ssh, api, swarm)
                except Cancelled:
                    raise
                except MetalError as error:
                    self._said[name] = f"{name}: {error.seen or error.what}"
                    said.append(self._said[name])
                    self._silent[name] = self._site.run.clock() + _SILENT_SECONDS
                    continue
                if isinstance(view, str):
                    said.append(f"{name}: {view}")
                    continue
                # Next time first: it is connected and known to answer.
                self._names.sort(key=name.__ne__)
                yield api, view
                return
        # Of one that was silent a moment ago and was not asked again, what it said then.
        skipped = [self._said[name] for name in self._skipped() if self._said[name] not in said]
        self.seen = "; ".join([*said, *skipped]) or "no host is known that could be a manager"
        yield None

    def locals_of(self, hosts: tuple[str, ...]) -> Iterator[tuple[str, Local]]:
        """What the engines of those hosts say of themselves; hosts that do not answer are left out."""
        for name in hosts:
            try:
                deadline = self._site.run.deadline(_CONNECT_SECONDS).look(_CONNECT_SECONDS)
                ssh = self._site.ssh.connect(self._site.access(name), deadline=deadline)
                with DockerApi(ssh, timeout=_CALL_SECONDS) as api:
                    local = observe_local(ssh, api)
            except Cancelled:
                raise
            except MetalError:
                continue
            yield name, local

    def _view(self, ssh: Ssh, api: DockerApi, swarm: str | None) -> View | str:
        local = observe_local(ssh, api)
        if local.state is not LocalState.ACTIVE:
            return f"its engine is {local.state}"
        if swarm is not None and local.swarm != swarm:
            return f"is in another swarm ({local.swarm})"
        if local.role is not Role.MANAGER:
            self.learn(addresses=local.managers)
            return "is a worker"
        view = observe_view(api)
        return view if any(node.leader for node in view.nodes) else "knows no leader"

    def _order(self) -> Iterator[str]:
        """Who to ask; hosts learnt while asking come too, and those that were just silent do not."""
        asked: set[str] = set()
        now = self._site.run.clock()
        while True:
            left = [name for name in (*self._names, self._host) if name and name not in asked]
            if not left:
                return
            asked.add(left[0])
            facts = self._site.fleet.facts(left[0])
            gone = self._site.deaths.known(left[0]) is not None
            if gone or (facts and (facts.hold or facts.lost)) or self._silent.get(left[0], 0) > now:
                continue
            yield left[0]

    def _skipped(self) -> list[str]:
        now = self._site.run.clock()
        return [name for name, until in self._silent.items() if until > now]

    def _access_of(self, name: str) -> Access | None:
        facts = self._site.fleet.facts(name)
        return facts.access if facts else None

    def _inventory(self) -> Iterator[tuple[str, HostFacts]]:
        yield from self._site.fleet.hosts.items()
        yield from self._site.fleet.unmanaged.items()
