"""The engine's log, as the server sees it."""

from __future__ import annotations

import threading

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

__all__ = ["EngineLog"]

_TIMEOUT = 2.0


class EngineLog:
    """Lines for the engine at `address`. Nothing here raises: a lost line must not fail an operation.

    :param address: `host:port`, as the engine gives it on the command line.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._stub: engine_pb2_grpc.EngineStub | None = None

    def progress(self, urn: str | None, line: str) -> bool:
        """Show `line` on the resource while it is worked on; False when the engine did not take it."""
        return self._log(engine_pb2.LogSeverity.INFO, urn, line, ephemeral=True)

    def warn(self, urn: str | None, line: str) -> bool:
        """Keep `line` as a warning of the resource; False when the engine did not take it."""
        return self._log(engine_pb2.LogSeverity.WARNING, urn, line, ephemeral=False)

    def debug(self, urn: str | None, text: str) -> bool:
        """Keep `text` for `--debug`; False when the engine did not take it."""
        return self._log(engine_pb2.LogSeverity.DEBUG, urn, text, ephemeral=False)

    def _log(
        self, severity: engine_pb2.LogSeverity.ValueType, urn: str | None, message: str, *, ephemeral: bool
    ) -> bool:
        request = engine_pb2.LogRequest(severity=severity, urn=urn or "", message=message, ephemeral=ephemeral)
        try:
            self._connected().Log(request, timeout=_TIMEOUT)
        except (grpc.RpcError, ValueError):
            return False
        return True

    def _connected(self) -> engine_pb2_grpc.EngineStub:
        with self._lock:
            if self._stub is None:
                self._stub = engine_pb2_grpc.EngineStub(grpc.insecure_channel(self._address))
            return self._stub
