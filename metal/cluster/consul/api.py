"""Consul's HTTP API through SSH: one agent's loopback port, its certificate checked, the token in a header."""

from __future__ import annotations

import ssl
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from metal.cluster.consul import paths
from metal.errors import ClusterError
from metal.host.ssh import Ssh

__all__ = ["ConsulApi", "ConsulRefused", "ConsulSilent", "call_timeout", "open_api", "token_header"]

_SECONDS = 15.0
_CONNECT_SECONDS = 8.0


class ConsulSilent(ClusterError):
    """No answer, or none that counts: not up yet, no leader, overloaded."""


class ConsulRefused(ClusterError):
    """Consul answered with a refusal.

    :ivar status: HTTP status.
    """

    def __init__(self, what: str, *, status: int, **kw: object) -> None:
        self.status = status
        super().__init__(what, **kw)  # type: ignore[arg-type]


class ConsulApi:
    """One agent's API. Reads are consistent with the leader unless the path asks for `stale`.

    :ivar host: the host that the agent runs on.
    """

    def __init__(self, host: str, client: httpx.Client) -> None:
        self.host = host
        self._client = client

    def get(self, path: str, **params: str) -> Any:
        """The decoded answer; None for 404.

        :param path: below `/v1/`.
        :param params: query; a parameter without a value is given as "".
        :raises ConsulSilent: no answer, or 5xx.
        :raises ConsulRefused: any other status but 200.
        """
        return self._call("GET", path, params, None)

    def put(self, path: str, body: Any = None, **params: str) -> Any:
        """As :meth:`get`; `body` is sent as JSON, or as it is when it is bytes."""
        return self._call("PUT", path, params, body)

    def download(self, path: str, *, seconds: float) -> bytes:
        """The answer's body as it is.

        :param seconds: for the whole of it.
        """
        return self._send("GET", path, {}, {}, timeout=seconds).content

    def upload(self, path: str, body: bytes, *, seconds: float) -> None:
        """Send `body` as it is, with as much time as for :meth:`download`."""
        self._send("PUT", path, {}, {"content": body}, timeout=seconds)

    def delete(self, path: str, **params: str) -> Any:
        return self._call("DELETE", path, params, None)

    def autopilot(self) -> dict[str, Any]:
        """Autopilot's view of the servers. Consul answers 429 with the same body when it is not healthy."""
        answer: dict[str, Any] = self._call("GET", "operator/autopilot/health", {}, None, ok=(200, 429))
        return answer

    def leader(self) -> str:
        """Address of the raft leader; empty when there is none. Needs no token."""
        return str(self.get("status/leader") or "")

    def _call(
        self, method: str, path: str, params: Mapping[str, str], body: Any, *, ok: Collection[int] = (200,)
    ) -> Any:
        content = {} if body is None else {"content": body} if isinstance(body, bytes) else {"json": body}
        response = self._send(method, path, params, content, ok=(*ok, 404))
        return None if response.status_code == 404 else _decoded(response)

    def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str],
        content: Mapping[str, Any],
        *,
        ok: Collection[int] = (200,),
        timeout: float = _SECONDS,
    ) -> httpx.Response:
        shown = f"{method} /v1/{path}"
        limit = httpx.Timeout(timeout, connect=_CONNECT_SECONDS)
        try:
            response = self._client.request(method, f"/v1/{path}", params=dict(params), timeout=limit, **content)
        except httpx.TransportError as error:
            raise ConsulSilent(
                "Consul's API does not answer",
                host=self.host,
                tried=[shown],
                seen=_why(error),
                next_step=f"look at `journalctl -u {paths.UNIT}` on the host",
            ) from None
        if response.status_code in ok:
            return response
        said = response.text.strip()[:300]
        if response.status_code >= 500:
            raise ConsulSilent(
                "Consul cannot answer", host=self.host, tried=[shown], seen=f"{response.status_code}: {said}"
            )
        raise ConsulRefused(
            "Consul refused a request",
            status=response.status_code,
            host=self.host,
            tried=[shown],
            seen=f"{response.status_code}: {said}",
        )


def _why(error: httpx.TransportError) -> str:
    # The SSH tunnel takes the connection before it knows whether anybody listens at its far end.
    if isinstance(error, httpx.ConnectError) and "UNEXPECTED_EOF" in str(error):
        return f"nothing listens on its port {paths.HTTPS_PORT} yet"
    return str(error) or type(error).__name__


def _decoded(response: httpx.Response) -> Any:
    if not response.content.strip():
        return None
    if response.headers.get("content-type", "").startswith("application/json"):
        return response.json()
    return response.text


@contextmanager
def open_api(ssh: Ssh, ca: str, token: str) -> Iterator[ConsulApi]:
    """The API of the agent on a host, open for the length of the block.

    :param ca: PEM of the cluster's authority; the agent must show a certificate of it.
    :param token: secret id; sent in a header. Empty for none.
    """
    context = ssl.create_default_context(cadata=ca)
    with (
        ssh.tunnel_port(paths.HTTPS_PORT) as socket,
        httpx.Client(
            transport=httpx.HTTPTransport(uds=str(socket), verify=context),
            base_url=f"https://localhost:{paths.HTTPS_PORT}",
            headers=token_header(token),
            timeout=call_timeout(),
            trust_env=False,
        ) as client,
    ):
        yield ConsulApi(ssh.access.host, client)


def token_header(token: str) -> dict[str, str]:
    return {"X-Consul-Token": token} if token else {}


def call_timeout() -> httpx.Timeout:
    return httpx.Timeout(_SECONDS, connect=_CONNECT_SECONDS)
