"""A host's own engine, watched during one operation."""

from __future__ import annotations

from metal.cluster.docker.api import DockerApi
from metal.cluster.swarm.view import Local, observe_local
from metal.host.ssh import Ssh
from metal.plan.join import LocalState
from metal.waiting import Run

__all__ = ["OwnEngine"]


class OwnEngine:
    """Asks one engine about its membership and remembers how long it has been in error. For one thread."""

    def __init__(self, ssh: Ssh, api: DockerApi, run: Run) -> None:
        self.ssh, self.api = ssh, api
        self._run = run
        self._error_since: float | None = None

    def look(self) -> Local:
        """:raises EngineSilent: the engine does not answer."""
        local = observe_local(self.ssh, self.api)
        if local.state is not LocalState.ERROR:
            self._error_since = None
        elif self._error_since is None:
            self._error_since = self._run.clock()
        return local

    @property
    def error_seconds(self) -> float:
        """How long every look has found it in error; 0 when the last one did not."""
        return 0.0 if self._error_since is None else self._run.clock() - self._error_since
