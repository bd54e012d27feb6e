"""HTTP/1.1 with one BMC: one request at a time, no redirects, no retries, an answer of bounded size."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpcore

from metal.bmc.redfish.trust import CertificateRefused, Trust, unverified
from metal.bmc.redfish.wire import Hangup, Silence, Wire
from metal.bmc.rmcp.wire import Endpoint, Unreachable
from metal.waiting import Deadline

__all__ = ["Answer", "Garbled", "Http", "is_path", "is_sendable"]

_LARGEST = 4 * 2**20
_DEEPEST = 100  # maps and lists in one another
_SHOWN = 80
_LOOK = 3.0  # seconds for a look at a certificate that was refused


class Garbled(Exception):
    """What came is no answer in HTTP, or a larger one than any BMC has reason to give; or what is to be sent, by its
    word, cannot be.
    """


def is_sendable(value: str) -> bool:
    """Whether what a BMC gave (a token, an ETag) can be said back to it in a header."""
    return value.isascii() and value.isprintable()


def is_path(path: str) -> bool:
    """Whether what a BMC names can be asked for (RFC 9112, "Request Target")."""
    return path.startswith("/") and is_sendable(path) and " " not in path


@dataclass(frozen=True)
class Answer:
    """:ivar headers: names in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> dict[str, Any]:
        """The body as a map; empty where it is none, or nested deeper than anything that a BMC has to tell."""
        try:
            data = json.loads(self.body or b"{}")
        except (ValueError, RecursionError):
            return {}
        return data if isinstance(data, dict) and not _is_deep(data) else {}


def _is_deep(data: Any) -> bool:
    level = [data]
    for _ in range(_DEEPEST):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


class Http:
    """:param name: what the certificate is made out to, and the Host header: the BMC's address as the inventory has it.
    :param trust: None for plain HTTP.
    """

    def __init__(self, endpoint: Endpoint, name: str, host: str, trust: Trust | None, deadline: Deadline) -> None:
        self._endpoint = endpoint
        self._name = name
        self._host = host
        self._trust = trust
        self._wire = Wire(endpoint, host, deadline, trust)
        self._pool: httpcore.ConnectionPool | None = None

    def exchange(
        self, method: str, path: str, *, headers: Mapping[str, str], body: Mapping[str, Any] | None, limit: Deadline
    ) -> Answer:
        """Send one request, once, and have its answer, whatever its status.

        :raises Unreachable: no connection; nothing was sent.
        :raises CertificateRefused: likewise.
        :raises Silence: the limit came first; the request may have been carried out.
        :raises Hangup: the connection ended; likewise.
        :raises Garbled: the answer makes no sense; likewise.
        :raises Cancelled: the run was cancelled.
        """
        if not is_path(path):
            raise Garbled(f"no path to ask for: {ascii(path)[:_SHOWN]}")
        self._wire.limit = limit
        content = None if body is None else json.dumps(body).encode()
        sent = {
            "Host": self._authority,
            "Accept": "application/json",
            # A compressed answer would come with a weak ETag, which If-Match never matches.
            "Accept-Encoding": "identity",
            "OData-Version": "4.0",
            "User-Agent": "metalswarm",
            **({"Content-Type": "application/json"} if body is not None else {}),
            **headers,
        }
        try:
            return self._exchange(method, path, sent, content)
        except CertificateRefused as refused:
            self.close()
            if not refused.seen:
                refused.seen = self._seen_certificate(limit)
            raise
        except (httpcore.RemoteProtocolError, httpcore.LocalProtocolError, UnicodeError) as error:
            self.close()
            if "disconnected" in str(error):
                raise Hangup("the connection was closed without an answer") from None
            raise Garbled(str(error)) from None
        except BaseException:
            self.close()
            raise

    def _exchange(self, method: str, path: str, headers: Mapping[str, str], content: bytes | None) -> Answer:
        pool = self._pool or self._connect()
        coded = [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()]
        with pool.stream(method, self._base + path, headers=coded, content=content) as response:
            read = bytearray()
            for chunk in response.iter_stream():
                read += chunk
                if len(read) > _LARGEST:
                    raise Garbled(f"an answer of more than {_LARGEST} bytes")
            named = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in response.headers}
            return Answer(response.status, named, bytes(read))

    def _connect(self) -> httpcore.ConnectionPool:
        context = self._trust.context() if self._trust else None
        self._pool = httpcore.ConnectionPool(
            ssl_context=context, max_connections=1, max_keepalive_connections=1, retries=0, network_backend=self._wire
        )
        return self._pool

    @property
    def _authority(self) -> str:
        name = f"[{self._name}]" if ":" in self._name else self._name
        usual = 443 if self._trust else 80
        return name if self._endpoint.port == usual else f"{name}:{self._endpoint.port}"

    @property
    def _base(self) -> str:
        return f"{'https' if self._trust else 'http'}://{self._authority}"

    def _seen_certificate(self, limit: Deadline) -> str:
        """Fingerprint of the certificate that no authority vouched for, to be compared by a person; sends nothing."""
        wire = Wire(self._endpoint, self._host, limit.within(_LOOK), Trust(fingerprint="?"))
        try:
            stream = wire.connect_tcp(self._name, self._endpoint.port)
            stream.start_tls(unverified(), self._name)
        except CertificateRefused as refused:
            return refused.seen
        except (Unreachable, Silence, Hangup):
            return ""
        return ""

    def close(self) -> None:
        """End the connection; may be called again; the next exchange makes a new one."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()
