"""HTTP/1.1 with TLS in threads, for a BMC that may hang in one connection and serve the others."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from lab.redfish.certificate import Certificate

__all__ = ["Reply", "Request", "Server", "refusal"]

_HANDSHAKE = 5.0


@dataclass(frozen=True)
class Request:
    """:ivar headers: names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]


@dataclass(frozen=True)
class Reply:
    status: int
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Server:
    """:param answer: called in a thread of the connection; None ends the connection without an answer."""

    def __init__(
        self, answer: Callable[[Request], Reply | None], address: str, port: int, certificate: Certificate | None
    ) -> None:
        self._context = certificate.context() if certificate else None
        self._closing = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, format: str, *args: Any) -> None:
                return

            def _handle(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                try:
                    body = json.loads(self.rfile.read(length) or b"{}")
                except ValueError:
                    body = {}
                headers = {name.lower(): value for name, value in self.headers.items()}
                reply = answer(Request(self.command, self.path, headers, body if isinstance(body, dict) else {}))
                if reply is None:
                    self.close_connection = True
                    return
                content = json.dumps(reply.body).encode() if reply.body is not None else b""
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PATCH = do_DELETE = _handle

        class Listener(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64
            address_family = socket.AF_INET6 if ":" in address else socket.AF_INET

            def finish_request(self, request: Any, client_address: Any) -> None:
                context = outer._context
                if context is None:
                    super().finish_request(request, client_address)
                    return
                request.settimeout(_HANDSHAKE)
                with context.wrap_socket(request, server_side=True) as secured:
                    secured.settimeout(None)
                    super().finish_request(secured, client_address)

            def shutdown_request(self, request: Any) -> None:
                # Of a TLS socket the plain one is left behind, detached.
                if request.fileno() >= 0:
                    super().shutdown_request(request)

            def handle_error(self, request: Any, client_address: Any) -> None:
                return  # a client that goes away, or does not trust us, is its own affair

        self._listener = Listener((address, port), Handler)
        self.port = int(self._listener.server_address[1])
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def use(self, certificate: Certificate) -> None:
        self._context = certificate.context()

    def pause(self, seconds: float) -> None:
        """Hold a connection's thread; ends early when the server closes."""
        self._closing.wait(seconds)

    def close(self) -> None:
        self._closing.set()
        self._listener.shutdown()
        self._listener.server_close()
        self._thread.join()


def refusal(
    status: int,
    message: str,
    text: str = "",
    headers: Mapping[str, str] | None = None,
    *,
    arguments: Sequence[str] = (),
) -> Reply:
    """An error as the standard shapes it (DSP0266, "Error responses")."""
    more: dict[str, Any] = {"Message": text} if text else {}
    more |= {"MessageArgs": list(arguments)} if arguments else {}
    said: Iterable[dict[str, Any]] = [{"MessageId": message, **more}]
    body = {
        "error": {
            "code": "Base.1.8.GeneralError",
            "message": "See ExtendedInfo",
            "@Message.ExtendedInfo": list(said),
        }
    }
    return Reply(status, body, dict(headers or {}))
