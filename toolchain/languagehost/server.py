"""A Python language host on the SDK's own server: runs `__main__.py` of a project in this process.

The official host comes with the official CLI and is preferred wherever it exists. This one serves one program of one
project per process, with the interpreter it was started with.
"""

from __future__ import annotations

import os
import runpy
import select
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

_WORKERS = 4


class LanguageHost(LanguageServer):
    """Serves the program in the request's folder.

    :param engine: address of the engine, as given on the command line.
    """

    def __init__(self, engine: str) -> None:
        super().__init__(lambda: None)
        self._engine = engine

    def Run(self, request: Any, context: Any) -> Any:
        folder = request.info.program_directory or request.pwd or str(Path.cwd())
        entry = Path(folder, request.info.entry_point or ".")
        main = entry / "__main__.py" if entry.is_dir() else entry
        if request.pwd:
            os.chdir(request.pwd)
        sys.path.insert(0, str(main.parent))

        def program() -> None:
            runpy.run_path(str(main), run_name="__main__")

        self.program = program
        request.args[:] = [self._engine]
        response = super().Run(request, context)  # type: ignore[no-untyped-call]
        # What went wrong has been logged; an error in the response would be shown a second time.
        return language_pb2.RunResponse(bail=True) if response.error else response

    def Handshake(self, request: Any, context: Any) -> Any:
        if request.engine_address:
            self._engine = request.engine_address
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=version("pulumi"))

    def GetProgramDependencies(self, request: Any, context: Any) -> Any:
        return language_pb2.GetProgramDependenciesResponse()

    def Cancel(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()


def _follow_engine() -> None:
    """End with the engine, however it ends."""
    engine = os.getppid()
    try:
        handle = os.pidfd_open(engine)
    except (AttributeError, OSError):
        never = threading.Event()
        while os.getppid() == engine:
            never.wait(1.0)
    else:
        select.select([handle], [], [])
    os._exit(0)


def main() -> None:
    """Print the port and serve until the engine says stop."""
    for number in (signal.SIGINT, signal.SIGTERM):
        # The engine waits 5 s for a host that does not end; threads of a running program would hold it up.
        signal.signal(number, lambda *_: os._exit(0))
    server = grpc.server(ThreadPoolExecutor(_WORKERS), options=[("grpc.max_receive_message_length", 400 << 20)])
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(LanguageHost(sys.argv[-1]), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    threading.Thread(target=_follow_engine, daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
