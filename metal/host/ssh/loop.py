"""The one thread that runs asyncio, and the bridge to it from threads that block."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from metal.errors import Cancelled

__all__ = ["LoopThread"]

T = TypeVar("T")

# How soon a blocked thread notices that its run was cancelled, in seconds.
_CANCEL_LATENCY = 0.2
# How long a cancelled call may take to end what it started on the host, in seconds.
_STOP_GRACE = 6.0
# How long closing waits for tasks that were told to stop, in seconds.
_CLOSE_GRACE = 5.0


class LoopThread:
    """An event loop in a background thread: started by the first call, ended by :meth:`close`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._guard = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def call(self, work: Coroutine[Any, Any, T], *, cancel: threading.Event, host: str | None = None) -> T:
        """Run `work` in the loop and return its result; it must bound its own time.

        :raises Cancelled: `cancel` was set; the coroutine has been told to stop and has stopped.
        """
        try:
            loop = self._running_loop()
        except RuntimeError:
            work.close()
            raise
        ended = threading.Event()

        async def until_ended() -> T:
            try:
                return await work
            finally:
                ended.set()

        future = asyncio.run_coroutine_threadsafe(until_ended(), loop)
        try:
            while True:
                try:
                    return future.result(timeout=_CANCEL_LATENCY)
                except concurrent.futures.TimeoutError:
                    # A coroutine that timed out itself raises the same class; only an unfinished one is polled on.
                    if future.done():
                        return future.result()
                    if cancel.is_set():
                        raise Cancelled(
                            "cancelled while talking to the host",
                            host=host,
                            next_step="run the same command again; it resumes",
                        ) from None
                except concurrent.futures.CancelledError:
                    raise Cancelled("the SSH connection was closed by this program", host=host) from None
        finally:
            if not future.done():
                future.cancel()
                ended.wait(_STOP_GRACE)

    def finish(self, work: Coroutine[Any, Any, object], *, seconds: float) -> None:
        """Run clean-up work for at most `seconds`, whatever the run's cancel says; nothing to do in a closed loop."""
        try:
            loop = self._running_loop()
        except RuntimeError:
            work.close()
            return
        with contextlib.suppress(concurrent.futures.TimeoutError, concurrent.futures.CancelledError):
            asyncio.run_coroutine_threadsafe(work, loop).result(timeout=seconds)

    def close(self) -> None:
        """Cancel what runs, end the thread. Safe to call twice; a closed loop takes no more work."""
        with self._guard:
            self._closed = True
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None:
            return
        try:
            asyncio.run_coroutine_threadsafe(_cancel_all(), loop).result(timeout=_CLOSE_GRACE)
        except concurrent.futures.TimeoutError:
            pass  # A task that ignores its cancel must not keep the program alive; the thread is a daemon.
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(timeout=_CLOSE_GRACE)
            if not thread.is_alive():
                loop.close()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._guard:
            if self._closed:
                raise RuntimeError(f"{self._name} is closed")
            if self._loop is None:
                loop = asyncio.new_event_loop()
                thread = threading.Thread(target=loop.run_forever, name=self._name, daemon=True)
                thread.start()
                self._loop, self._thread = loop, thread
            return self._loop


async def _cancel_all() -> None:
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()
