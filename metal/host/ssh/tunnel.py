"""A local unix socket whose connections end on a host: at the standard streams of a command, or at a TCP port."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncssh

from metal.host.ssh.failure import describe
from metal.host.ssh.link import Attempt, Link
from metal.settings.endpoint import with_port

__all__ = ["Tunnel", "to_command", "to_port"]

_log = logging.getLogger("metal.ssh")

_CHUNK = 64 * 1024
_STDERR_TAIL = 4096
# Between the end of a command's output and its exit status, in seconds.
_EXIT_SECONDS = 5.0

Bridge = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Tunnel:
    """Listens on one socket; every connection is bridged on its own. Lives in the loop thread.

    :ivar failure: why the last connection that failed did; None while all is well.
    """

    def __init__(self, host: str, path: Path, bridge: Bridge) -> None:
        self.host = host
        self.path = path
        self.failure: str | None = None
        self._bridge = bridge
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        # The folder is 0700 already; the mode of the socket is set all the same before anybody can be told its name.
        self._server = await asyncio.start_unix_server(self._accept, path=str(self.path))
        os.chmod(self.path, 0o600)

    async def stop(self) -> None:
        """Close the socket and end every connection."""
        if self._server is not None:
            self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._bridge(reader, writer)
        except asyncio.CancelledError:
            pass  # Only stop() cancels; the stream server would log a cancelled task as an error.
        except Exception as error:
            self.failure = error.seen if isinstance(error, Attempt) else describe(error)
            _log.debug("%s: tunnel connection ended: %s", self.host, self.failure)
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(Exception, asyncio.CancelledError):
                await writer.wait_closed()


def to_command(link: Link, path: Path, command: str) -> Tunnel:
    """Each connection is the standard input and output of `command` (a shell line) on the host."""

    async def bridge(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with link.process(command, tunnel=True) as process:
            tail = asyncio.create_task(_tail(process.stderr))
            try:
                await _both_ways(reader, writer, process.stdout, process.stdin)
                async with asyncio.timeout(_EXIT_SECONDS):
                    await process.wait_closed()
                    said = await tail
            except TimeoutError:
                return  # It closed its output and runs on; closing the channel is all that is left to do.
            finally:
                tail.cancel()
            if process.exit_status not in (0, None):
                raise ConnectionError(f"the command ended with status {process.exit_status}: {said}".rstrip(": "))

    return Tunnel(link.endpoint.name, path, bridge)


def to_port(link: Link, path: Path, address: str, port: int) -> Tunnel:
    """Each connection goes on, from the host, to `address`:`port`."""

    async def bridge(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with link.stream(address, port) as (far_reader, far_writer):
                await _both_ways(reader, writer, far_reader, far_writer)
        except asyncssh.ChannelOpenError as error:
            raise ConnectionError(f"the host cannot connect to {with_port(address, port)}: {error.reason}") from None

    return Tunnel(link.endpoint.name, path, bridge)


async def _both_ways(
    near_reader: asyncio.StreamReader,
    near_writer: asyncio.StreamWriter,
    far_reader: asyncssh.SSHReader[bytes],
    far_writer: asyncssh.SSHWriter[bytes],
) -> None:
    """Copy until the far side has ended; the near side's end alone is passed on and leaves the answer coming.

    The near side is closed by the caller, once it knows how the far side ended: who sees the end can ask for the cause.
    """

    async def outwards() -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while chunk := await near_reader.read(_CHUNK):
                far_writer.write(chunk)
                await far_writer.drain()
            far_writer.write_eof()

    async def inwards() -> None:
        while chunk := await far_reader.read(_CHUNK):
            near_writer.write(chunk)
            await near_writer.drain()

    sending = asyncio.create_task(outwards())
    try:
        # A client that is gone shows as a write that fails here; nothing is left to be done for it then.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            await inwards()
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def _tail(reader: asyncssh.SSHReader[bytes]) -> str:
    kept = b""
    with contextlib.suppress(asyncio.CancelledError):
        while chunk := await reader.read(_CHUNK):
            kept = (kept + chunk)[-_STDERR_TAIL:]
    return kept.decode("utf-8", "replace").strip()
