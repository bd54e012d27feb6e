"""`python -m providers.server ENGINE`: the SDK's dynamic-provider server, with room for a fleet.

The SDK's server handles 4 requests at a time, ignores Cancel and shows raw exceptions. Its module starts serving when
it is imported, so what it uses is prepared first: `grpc.server` is wrapped to give it our workers and interceptor.
"""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

import grpc

from providers.server import runtime
from providers.server.ending import Ending
from providers.server.engine import EngineLog
from providers.server.interceptor import RequestInterceptor

_WORKERS = 256


def workers(environment: str | None) -> int:
    """How many requests are handled at a time.

    :param environment: the value of METALSWARM_WORKERS, if any.
    :raises ValueError: when it is not a positive number.
    """
    count = int(environment) if environment else _WORKERS
    if count < 1:
        raise ValueError(f"METALSWARM_WORKERS={environment}: a positive number is wanted, e.g. {_WORKERS}")
    return count


def main() -> None:
    """Prepare the process, then serve until it is told to end."""
    count = workers(os.environ.get("METALSWARM_WORKERS"))
    log = EngineLog(sys.argv[-1])
    interceptor = RequestInterceptor(log.debug)
    ending = Ending(interceptor.wait_idle)
    stock_server = grpc.server

    def server(pool: Executor, *args: Any, interceptors: Sequence[Any] = (), **options: Any) -> Any:
        pool.shutdown()
        wide = ThreadPoolExecutor(count, thread_name_prefix="operation")
        return stock_server(wide, *args, interceptors=(interceptor, *interceptors), **options)

    grpc.server = server
    runtime.serve_with(log.progress, log.warn)
    ending.on_signals()
    ending.with_engine()
    runpy.run_module("pulumi.dynamic", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
