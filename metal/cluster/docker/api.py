"""The Docker Engine's API, spoken over an SSH tunnel to the engine's own socket."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from metal.errors import ClusterError
from metal.host.ssh import Ssh

__all__ = ["DockerApi", "EngineRefused", "EngineSilent", "EngineUnready"]

# A context or DOCKER_HOST of the host's root must not lead elsewhere.
_DIAL = ("docker", "-H", "unix:///var/run/docker.sock", "system", "dial-stdio")


class EngineSilent(ClusterError):
    """The engine could not be reached over its socket, or did not answer in time."""


class EngineRefused(ClusterError):
    """The engine answered with an error.

    :ivar status: HTTP status.
    """

    def __init__(self, what: str, *, status: int, host: str, tried: str, seen: str) -> None:
        self.status = status
        super().__init__(what, host=host, tried=[tried], seen=seen)


class EngineUnready(EngineRefused):
    """The engine cannot answer as it is now (5xx): no leader, no manager, already or not in a swarm; that may pass."""


class DockerApi:
    """Small typed calls to one engine. Use as a context manager; safe for one thread at a time.

    Bodies travel inside the tunnel: no token or key shows in a process list. Paths carry no version, so that every
    engine answers in its own.

    :param timeout: seconds for one call.
    Source: Docker Engine API reference.
    """

    def __init__(self, ssh: Ssh, *, timeout: float = 30) -> None:
        self.host = ssh.access.host
        self._ssh = ssh
        self._timeout = timeout
        self._stack = contextlib.ExitStack()
        self._client: httpx.Client | None = None
        self._path = Path()

    def __enter__(self) -> DockerApi:
        with contextlib.ExitStack() as stack:
            self._path = stack.enter_context(self._ssh.tunnel_command(_DIAL))
            # Each connection is a channel of the one SSH connection; one is enough.
            transport = httpx.HTTPTransport(
                uds=str(self._path), limits=httpx.Limits(max_connections=1, max_keepalive_connections=1)
            )
            self._client = stack.enter_context(
                httpx.Client(transport=transport, base_url="http://docker", timeout=self._timeout)
            )
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client = None
        self._stack.close()

    def version(self) -> str:
        """The engine's own version."""
        return str(self._object("GET", "/version")["Version"])

    def info(self) -> Mapping[str, Any]:
        """Everything the engine says of itself; `Swarm` holds its view of its membership."""
        return self._object("GET", "/info")

    def swarm(self) -> Mapping[str, Any]:
        """The swarm's id, spec and join tokens (secret); only a manager answers.

        :raises EngineUnready: from anyone else.
        """
        return self._object("GET", "/swarm")

    def swarm_update(self, version: int, spec: Mapping[str, Any], *, rotate_tokens: bool = False) -> None:
        """Replace the swarm's spec, if its version is still the given one.

        :param rotate_tokens: make new join tokens, of workers and of managers, in the same step.
        """
        rotate = str(rotate_tokens).lower()
        params = {"version": str(version), "rotateWorkerToken": rotate, "rotateManagerToken": rotate}
        self._call("POST", "/swarm/update", params=params, body=spec)

    def swarm_init(self, body: Mapping[str, Any]) -> str:
        """Give birth to a swarm; the id of its first node."""
        return str(self._call("POST", "/swarm/init", body=body))

    def swarm_force_new(self, body: Mapping[str, Any]) -> str:
        """Have this manager, alone, be the swarm that it was in: the way out of a quorum that is lost for good."""
        whole = {**body, "ForceNewCluster": True}
        return str(self._call("POST", "/swarm/init", body=whole, timeout=max(self._timeout, 120)))

    def swarm_join(self, body: Mapping[str, Any]) -> None:
        """Ask to join. The engine goes on trying after its answer: look at :meth:`info`."""
        self._call("POST", "/swarm/join", body=body, timeout=max(self._timeout, 60))

    def swarm_leave(self, *, force: bool) -> None:
        """Leave; a worker may without force."""
        self._call("POST", "/swarm/leave", params={"force": str(force).lower()}, timeout=max(self._timeout, 60))

    def nodes(self) -> list[Mapping[str, Any]]:
        """Every node the managers know, dead ones too."""
        return self._list("/nodes")

    def node(self, node: str) -> Mapping[str, Any] | None:
        """One node by id; None when the managers do not know it."""
        try:
            return self._object("GET", f"/nodes/{node}")
        except EngineRefused as error:
            if error.status == 404:
                return None
            raise

    def node_update(self, node: str, version: int, spec: Mapping[str, Any]) -> None:
        """Replace a node's spec, if its version is still the given one."""
        self._call("POST", f"/nodes/{node}/update", params={"version": str(version)}, body=spec)

    def node_remove(self, node: str, *, force: bool) -> bool:
        """Make the managers forget a node; false when they already had."""
        try:
            self._call("DELETE", f"/nodes/{node}", params={"force": str(force).lower()})
        except EngineRefused as error:
            if error.status == 404:
                return False
            raise
        return True

    def tasks(self, node: str) -> list[Mapping[str, Any]]:
        """The tasks that the managers have put on a node, finished ones too."""
        return self._list("/tasks", params={"filters": f'{{"node":["{node}"]}}'})

    def service_tasks(self, services: Sequence[str]) -> list[Mapping[str, Any]]:
        """Every task of those services, finished ones too."""
        return self._list("/tasks", params={"filters": json.dumps({"service": list(services)})}) if services else []

    def services(self) -> list[Mapping[str, Any]]:
        """Every service of the swarm; only a manager answers."""
        return self._list("/services")

    def service(self, service: str) -> Mapping[str, Any] | None:
        """One service by id; None when it is gone."""
        try:
            return self._object("GET", f"/services/{service}")
        except EngineRefused as error:
            if error.status == 404:
                return None
            raise

    def service_update(self, service: str, version: int, spec: Mapping[str, Any]) -> None:
        """Replace a service's spec, if its version is still the given one."""
        self._call("POST", f"/services/{service}/update", params={"version": str(version)}, body=spec)

    def containers(self) -> list[Mapping[str, Any]]:
        """The containers that run on this engine, a swarm's among them."""
        return self._list("/containers/json")

    def running_tasks(self, service: str) -> list[Mapping[str, Any]]:
        """The tasks of a service that shall run."""
        filters = f'{{"service":["{service}"],"desired-state":["running"]}}'
        return self._list("/tasks", params={"filters": filters})

    def service_name(self, service: str) -> str:
        """A service's name, or its id when it is gone."""
        found = self.service(service)
        return service if found is None else str(found["Spec"]["Name"])

    def _object(self, method: str, path: str) -> Mapping[str, Any]:
        found = self._call(method, path)
        if not isinstance(found, dict):
            raise EngineSilent(
                f"{method} {path} was not answered with an object", host=self.host, seen=str(found)[:200]
            )
        return found

    def _list(self, path: str, params: Mapping[str, str] | None = None) -> list[Mapping[str, Any]]:
        found = self._call("GET", path, params=params)
        return list(found or [])

    def _call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        timeout: float | None = None,
    ) -> Any:
        if self._client is None:
            raise RuntimeError("DockerApi is used outside its with block")
        try:
            answer = self._client.request(method, path, params=params, json=body, timeout=timeout or self._timeout)
        except httpx.HTTPError as error:
            raise EngineSilent(
                "the Docker Engine does not answer over its socket",
                host=self.host,
                tried=[f"{method} {path}"],
                seen=self._ssh.tunnel_failure(self._path) or f"{type(error).__name__}: {error}",
                next_step="look at `systemctl status docker` and `journalctl -u docker` on the host",
            ) from error
        if answer.is_error:
            refusal = EngineUnready if answer.is_server_error else EngineRefused
            raise refusal(
                "the Docker Engine refused a request",
                status=answer.status_code,
                host=self.host,
                tried=f"{method} {path}",
                seen=f"{answer.status_code}: {_message(answer)}",
            )
        if not answer.content:
            return None
        return answer.json()


def _message(answer: httpx.Response) -> str:
    try:
        found = answer.json()
    except ValueError:
        return answer.text.strip()[:500]
    return str(found.get("message", found) if isinstance(found, dict) else found)[:500]
