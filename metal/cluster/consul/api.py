"""Consul's HTTP API through SSH: one agent's loopback port, its certificate checked, the token in a header.

While a cluster is moved to new secrets an agent may know the old ones only; a call that it refuses for that reason had
no effect and is made again with what the agent can know.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx

from metal.cluster.consul import paths
from metal.cluster.consul.keys import AgentKeys
from metal.errors import ClusterError
from metal.host.ssh import Ssh

__all__ = ["UNKNOWN_TOKEN", "ConsulApi", "ConsulRefused", "ConsulSilent", "call_timeout", "open_api"]

UNKNOWN_TOKEN = "ACL not found"  # noqa: S105
"""Consul's words for a token, or an accessor, that it does not know; with status 403."""

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

    def __init__(
        self,
        host: str,
        client: httpx.Client,
        tokens: Sequence[str] = ("",),
        trusting: Callable[[], httpx.Client] | None = None,
    ) -> None:
        """:param tokens: secret ids to try, in this order; sent in a header.
        :param trusting: makes a client that also trusts what the host does, for an agent whose certificate is refused.
        """
        self.host = host
        self._client = client
        self._tokens = tuple(tokens)
        self._trusting = trusting

    def with_token(self, token: str) -> ConsulApi:
        """The same agent, asked with this token and no other."""
        return ConsulApi(self.host, self._client, (token,), self._trusting)

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

    def post(self, path: str, body: Any = None) -> Any:
        return self._call("POST", path, {}, body)

    def delete(self, path: str, body: Any = None, **params: str) -> Any:
        return self._call("DELETE", path, params, body)

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
            response = self._answer(method, f"/v1/{path}", params=dict(params), timeout=limit, **content)
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

    def _answer(self, method: str, url: str, **kw: Any) -> httpx.Response:
        refused: httpx.Response | None = None
        for token in self._tokens:
            response = self._ask(method, url, token, **kw)
            if response.status_code != httpx.codes.FORBIDDEN or UNKNOWN_TOKEN not in response.text:
                return response
            refused = refused or response
        assert refused is not None
        return refused

    def _ask(self, method: str, url: str, token: str, **kw: Any) -> httpx.Response:
        headers = {"X-Consul-Token": token} if token else {}
        try:
            return self._client.request(method, url, headers=headers, **kw)
        except httpx.ConnectError as error:
            if self._trusting is None or "CERTIFICATE_VERIFY_FAILED" not in str(error):
                raise
            self._client, self._trusting = self._trusting(), None
            return self._client.request(method, url, headers=headers, **kw)


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
def open_api(ssh: Ssh, keys: AgentKeys, *, anonymous: bool = False) -> Iterator[ConsulApi]:
    """The API of the agent on a host, open for the length of the block.

    :param keys: the agent must show a certificate of the wanted authority, or of one that its host still trusts.
    :param anonymous: ask without a token.
    """
    with ExitStack() as stack:
        socket = stack.enter_context(ssh.tunnel_port(paths.HTTPS_PORT))

        def client(authorities: str) -> httpx.Client:
            context = ssl.create_default_context(cadata=authorities)
            return stack.enter_context(
                httpx.Client(
                    transport=httpx.HTTPTransport(uds=str(socket), verify=context),
                    base_url=f"https://localhost:{paths.HTTPS_PORT}",
                    timeout=call_timeout(),
                    trust_env=False,
                )
            )

        def trusting() -> httpx.Client:
            return client(
                keys.still_trusted((ssh.read(f"{paths.TLS_FOLDER}/ca.pem") or b"").decode("ascii", "replace"))
            )

        yield ConsulApi(ssh.access.host, client(keys.authority), ("",) if anonymous else keys.tokens, trusting)


def call_timeout() -> httpx.Timeout:
    return httpx.Timeout(_SECONDS, connect=_CONNECT_SECONDS)
