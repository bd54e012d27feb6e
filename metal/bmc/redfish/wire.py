"""One TCP connection whose every wait ends at the caller's deadline or cancel; TLS is proven before a byte is sent."""

from __future__ import annotations

import errno
import os
import select
import socket
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore

from metal.bmc.redfish.trust import Trust
from metal.bmc.rmcp.wire import Endpoint, Unreachable
from metal.errors import Cancelled
from metal.waiting import Deadline

__all__ = ["Hangup", "Silence", "Wire"]

_SLICE = 0.2  # seconds a wait may pass without looking at the cancel


class Silence(Exception):
    """Nothing more came before the limit."""


class Hangup(Exception):
    """The other side ended the connection, or does not speak TLS."""


class _Stream(httpcore.NetworkStream):
    def __init__(self, wire: Wire, sock: socket.socket) -> None:
        self._wire = wire
        self._socket = sock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        while True:
            try:
                return self._socket.recv(max_bytes)
            except (ssl.SSLWantReadError, BlockingIOError):
                self._wire.wait(self._socket, select.POLLIN)
            except ssl.SSLWantWriteError:
                self._wire.wait(self._socket, select.POLLOUT)
            except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
                return b""
            except OSError as error:
                raise Hangup(_words(error)) from None

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        left = memoryview(buffer)
        while left:
            try:
                left = left[self._socket.send(left) :]
            except (ssl.SSLWantWriteError, BlockingIOError):
                self._wire.wait(self._socket, select.POLLOUT)
            except ssl.SSLWantReadError:
                self._wire.wait(self._socket, select.POLLIN)
            except OSError as error:
                raise Hangup(_words(error)) from None

    def close(self) -> None:
        self._socket.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """:raises CertificateRefused: by the wire's trust; nothing was sent."""
        trust = self._wire.trust
        assert trust is not None
        try:
            secured = ssl_context.wrap_socket(
                self._socket, server_hostname=server_hostname, do_handshake_on_connect=False
            )
            self._socket = secured
            self._shake_hands(secured)
        except ssl.SSLCertVerificationError as error:
            self.close()
            raise trust.refused(error.verify_message) from None
        except OSError as error:
            self.close()
            raise Hangup(_words(error)) from None
        except BaseException:
            self.close()
            raise
        try:
            trust.check(secured.getpeercert(binary_form=True) or b"")
        except BaseException:
            self.close()
            raise
        return self

    def _shake_hands(self, secured: ssl.SSLSocket) -> None:
        while True:
            try:
                return secured.do_handshake()
            except ssl.SSLWantReadError:
                self._wire.wait(secured, select.POLLIN)
            except ssl.SSLWantWriteError:
                self._wire.wait(secured, select.POLLOUT)

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            ready = select.poll()
            ready.register(self._socket, select.POLLIN)
            return bool(ready.poll(0))
        return self._socket if info == "socket" else None


class Wire(httpcore.NetworkBackend):
    """Connects to one endpoint whatever name it is asked for.

    :ivar limit: when every wait ends; set before each exchange.
    :ivar trust: which certificate is taken; None for plain HTTP.
    """

    def __init__(self, endpoint: Endpoint, host: str, limit: Deadline, trust: Trust | None) -> None:
        self.limit = limit
        self.trust = trust
        self._endpoint = endpoint
        self._host = host

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """:raises Unreachable: refused, or no way there; nothing was sent.
        :raises Silence: no answer before the limit.
        """
        sock = socket.socket(self._endpoint.family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            code = sock.connect_ex((self._endpoint.address, self._endpoint.port))
            if code == _IN_PROGRESS:
                self.wait(sock, select.POLLOUT)
                code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                raise Unreachable(os.strerror(code))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            sock.close()
            raise Unreachable(_words(error)) from None
        except BaseException:
            sock.close()
            raise
        return _Stream(self, sock)

    def sleep(self, seconds: float) -> None:
        self.limit.run.pause(seconds, host=self._host)

    def wait(self, sock: socket.socket, event: int) -> None:
        """Until the socket is ready.

        :raises Silence: the limit came first.
        :raises Cancelled: the run was cancelled.
        """
        ready = select.poll()  # select() cannot watch descriptors above 1023
        ready.register(sock, event)
        while True:
            if self.limit.run.cancel.is_set():
                raise Cancelled(
                    "cancelled while waiting for its BMC",
                    host=self._host,
                    next_step="run the same command again; it resumes",
                )
            left = self.limit.remaining
            if ready.poll(max(0.0, min(left, _SLICE)) * 1000):
                return
            if left <= 0:
                raise Silence(f"no answer within {self.limit.seconds:.0f} s")


_IN_PROGRESS = errno.EINPROGRESS


def _words(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or error}".replace("_", " ").lower().replace("tls:", "TLS:")
    return error.strerror or str(error)
