"""One host's connection, shared by threads: made when needed, made anew when it died. Lives in the loop thread."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import asyncssh

from metal.errors import HostError, HostFault
from metal.host.ssh.failure import Verdict, describe, judge
from metal.host.ssh.keys import HostKeyCheck, algorithms_for, mismatch, same_key
from metal.host.ssh.tcp import connected_socket
from metal.settings.endpoint import with_port

__all__ = ["Attempt", "Endpoint", "Link"]

T = TypeVar("T")

# One attempt to connect, in seconds: the network part and the login part.
_CONNECT_SECONDS = 5.0
_LOGIN_SECONDS = 20.0
# A connection whose host says nothing for interval x count seconds is dead.
_KEEPALIVE_SECONDS = 5.0
_KEEPALIVE_COUNT = 3
# A server opens a channel within a round trip; one that takes this long is gone.
_OPEN_SECONDS = 15.0
# Below MaxSessions 10 of a stock sshd, with room for a person; tunnels may not starve commands.
_SESSIONS = 8
_TUNNEL_SESSIONS = 5
# An empty set: the user's own known_hosts is not looked at (an empty value would mean "the default file").
_NO_KNOWN_HOSTS: tuple[list[str], list[str], list[str]] = ([], [], [])


@dataclass(frozen=True)
class Endpoint:
    """Where a link goes to.

    :ivar name: for messages: the host's inventory name, or `jump host <address>`.
    :ivar private_key: OpenSSH PEM.
    :ivar host_key: `type base64`, or None for first contact.
    """

    name: str
    address: str
    port: int
    user: str
    key: str
    host_key: str | None
    private_key: str = field(repr=False)

    @property
    def shown(self) -> str:
        return f"{self.user}@{with_port(self.address, self.port)}"


class Attempt(Exception):
    """One attempt to connect failed; `verdict` says whether another makes sense."""

    def __init__(self, verdict: Verdict, seen: str) -> None:
        self.verdict = verdict
        self.seen = seen
        super().__init__(seen)


class Link:
    """A connection to one endpoint that heals itself. Every method runs in the loop thread."""

    def __init__(self, endpoint: Endpoint, through: Link | None) -> None:
        self.endpoint = endpoint
        self.host_key: str | None = endpoint.host_key
        self.through = through
        self._connection: asyncssh.SSHClientConnection | None = None
        self._attempt: asyncio.Task[asyncssh.SSHClientConnection] | None = None
        self._sessions = asyncio.Semaphore(_SESSIONS)
        self._tunnel_sessions = asyncio.Semaphore(_TUNNEL_SESSIONS)
        self._urgent_session = asyncio.Semaphore(1)
        self._users = 0
        self._retired = False
        self._closed = False

    async def connect(self) -> asyncssh.SSHClientConnection:
        """The live connection, or one attempt to make it; callers at the same time share the attempt.

        :raises Attempt: it failed.
        :raises HostError: HOST_KEY; never retried.
        """
        if self._closed:
            raise HostError(
                "the SSH connections of this program are closed", fault=HostFault.UNREACHABLE, host=self.endpoint.name
            )
        if self._connection is not None and not self._connection.is_closed():
            return self._connection
        if self._attempt is None or self._attempt.done():
            self._attempt = asyncio.create_task(self._dial())
            # A caller may be cancelled and nobody else ask: the outcome then belongs to no one.
            self._attempt.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(self._attempt)

    async def attempt(self, seconds: float) -> None:
        """Like :meth:`connect`, given up after `seconds`.

        :raises Attempt: not connected.
        """
        try:
            await asyncio.wait_for(self.connect(), timeout=seconds)
        except TimeoutError:
            raise Attempt(Verdict.NOT_YET, f"{self.endpoint.shown}: no answer in time") from None

    @contextlib.asynccontextmanager
    async def process(
        self, command: str, *, tunnel: bool = False, urgent: bool = False
    ) -> AsyncIterator[asyncssh.SSHClientProcess[bytes]]:
        """A remote process for `command` (a shell line), within the budget of sessions; closed at the end.

        :param tunnel: counts against the tunnels' share.
        :param urgent: ends another process, so it may not queue behind it; has a session of its own.
        Nothing has been started when the connection turns out to be dead at opening, so that one is made anew once.
        :raises Attempt: the host cannot be reached.
        """
        async with contextlib.AsyncExitStack() as stack:
            if tunnel:
                await stack.enter_async_context(self._tunnel_sessions)
            await stack.enter_async_context(self._urgent_session if urgent else self._sessions)
            stack.enter_context(self._use())
            process = await self._open(lambda connection: connection.create_process(command, encoding=None))
            try:
                yield process
            finally:
                process.close()

    @contextlib.asynccontextmanager
    async def stream(
        self, address: str, port: int
    ) -> AsyncIterator[tuple[asyncssh.SSHReader[bytes], asyncssh.SSHWriter[bytes]]]:
        """A TCP connection made by the host to `address`; sshd does not count these as sessions. Closed at the end.

        :raises Attempt: the host cannot be reached.
        :raises asyncssh.ChannelOpenError: the host cannot connect there.
        """
        with self._use():
            reader, writer = await self._open(
                lambda connection: connection.open_connection(address, port, encoding=None)
            )
            try:
                yield reader, writer
            finally:
                writer.close()

    async def retire(self) -> None:
        """Stop keeping the connection: it ends with its last user. Whoever still holds the link may go on using it."""
        self._retired = True
        self._end_if_unused()

    async def close(self) -> None:
        """End the connection and every attempt; the link cannot be used again."""
        self._closed = True
        if self._attempt is not None and not self._attempt.done():
            self._attempt.cancel()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()
            with contextlib.suppress(Exception):
                await asyncio.wait_for(connection.wait_closed(), timeout=1)

    async def _open(self, opening: Callable[[asyncssh.SSHClientConnection], Awaitable[T]]) -> T:
        for last in (False, True):
            connection = await self.connect()
            try:
                return await asyncio.wait_for(opening(connection), timeout=_OPEN_SECONDS)
            except (TimeoutError, asyncssh.ConnectionLost, asyncssh.DisconnectError, OSError) as error:
                connection.abort()
                self._drop(connection)
                if last:
                    raise Attempt(Verdict.NOT_YET, describe(error)) from None
            except asyncssh.ChannelOpenError as error:
                # On a connection that ended in between, the library reports the open as refused.
                if last or not connection.is_closed():
                    raise
                self._drop(connection)
                del error
        raise AssertionError("unreachable")

    @contextlib.contextmanager
    def _use(self) -> Iterator[None]:
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            self._end_if_unused()

    def _end_if_unused(self) -> None:
        if self._retired and not self._users and self._connection is not None:
            self._connection.close()
            self._connection = None

    def _drop(self, connection: asyncssh.SSHClientConnection) -> None:
        if self._connection is connection:
            self._connection = None

    async def _dial(self) -> asyncssh.SSHClientConnection:
        endpoint = self.endpoint
        tunnel = await self._dial_through()
        check = HostKeyCheck(self.host_key)
        try:
            key = asyncssh.import_private_key(endpoint.private_key)
            sock = None if tunnel else await connected_socket(endpoint.address, endpoint.port, seconds=_CONNECT_SECONDS)
            connection = await asyncssh.connect(
                endpoint.address,
                endpoint.port,
                username=endpoint.user,
                client_keys=[key],
                client_factory=lambda: check,
                known_hosts=_NO_KNOWN_HOSTS,
                server_host_key_algs=algorithms_for(self.host_key),
                tunnel=tunnel or (),
                sock=sock,
                config=None,
                agent_path=None,
                preferred_auth="publickey",
                gss_host=None,
                connect_timeout=_CONNECT_SECONDS + _LOGIN_SECONDS,
                login_timeout=_LOGIN_SECONDS,
                keepalive_interval=_KEEPALIVE_SECONDS,
                keepalive_count_max=_KEEPALIVE_COUNT,
            )
        except asyncio.CancelledError:
            raise
        except Exception as error:
            if check.seen and self.host_key and not same_key(check.seen, self.host_key):
                raise mismatch(endpoint.name, expected=self.host_key, seen=check.seen) from None
            banner = " ".join(check.banner.split())
            seen = f"{endpoint.shown}: {describe(error)}" + (f" ({banner[:200]})" if banner else "")
            raise Attempt(judge(error, banner), seen) from None
        assert check.seen is not None
        # First contact: from here on this link accepts that key only.
        self.host_key = check.seen
        self._connection = connection
        return connection

    async def _dial_through(self) -> asyncssh.SSHClientConnection | None:
        if self.through is None:
            return None
        try:
            return await self.through.connect()
        except Attempt as failed:
            raise Attempt(failed.verdict, f"through {self.through.endpoint.name}: {failed.seen}") from None
