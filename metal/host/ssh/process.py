"""One remote process: how its command line is made, and how its streams are drained within a time and a size."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import asyncssh

from metal.host.ssh.link import Link

__all__ = ["Completed", "Overflow", "Vanished", "command_line", "execute"]

# More than any file or listing this project reads; beyond it something is wrong and memory is at stake.
OUTPUT_LIMIT = 32 * 1024 * 1024
_CHUNK = 64 * 1024
# The remote bound follows the local one, for the case that nobody is left here to end the process.
_REMOTE_GRACE = 10
_KILL_SECONDS = 5.0
_TAG = "METALSWARM_RUN"

# Ends every process that carries the tag in its environment. The tag comes by standard input, so that the search does
# not find itself; a signal sent through the SSH channel would not reach processes of root under sudo.
_KILL = (
    'read -r tag; for d in /proc/[0-9]*; do tr "\\0" "\\n" <"$d/environ" 2>/dev/null | grep -qxF -- "$tag" '
    '&& kill -s "$0" "${d#/proc/}" 2>/dev/null; done; true'
)


@dataclass(frozen=True)
class Completed:
    """What a remote command left.

    :ivar rc: exit status; -1 when a signal ended it.
    :ivar stdout: decoded as UTF-8 with replacements; `raw` holds the bytes.
    """

    rc: int
    stdout: str
    stderr: str
    raw: bytes = b""


class Overflow(Exception):
    """The output grew beyond OUTPUT_LIMIT."""


class Vanished(Exception):
    """The connection ended while the command ran; whether it finished is not known."""


def command_line(argv: Sequence[str], *, sudo: bool, tag: str | None = None, seconds: float | None = None) -> str:
    """The shell line that runs `argv` as root in the C locale.

    :param tag: put into the environment so that the process can be found and ended later.
    :param seconds: ends the process on the host's side after so long.
    """
    words = ["sudo", "-n", "--"] if sudo else []
    words += ["env", "LC_ALL=C", "LANG=C"]
    if tag:
        words.append(f"{_TAG}={tag}")
    if seconds is not None:
        words += ["timeout", "-k", "5", str(int(seconds) + _REMOTE_GRACE)]
    # `exec`: no shell stays in between that would survive a signal meant for the command.
    return "exec " + shlex.join([*words, *argv])


async def execute(link: Link, argv: Sequence[str], *, sudo: bool, stdin: bytes | None, seconds: float) -> Completed:
    """Run `argv` to its end.

    :param seconds: covers waiting for a free session, connecting once, and the run.
    :raises TimeoutError: ended at `seconds`; the remote process has been told to end.
    :raises Overflow, Vanished, metal.host.ssh.link.Attempt: as named.
    """
    tag = secrets.token_hex(8)
    async with asyncio.timeout(seconds):
        async with link.process(command_line(argv, sudo=sudo, tag=tag, seconds=seconds)) as process:
            try:
                return await _drain(process, stdin)
            except (asyncio.CancelledError, Overflow):
                # Both the time-out and a cancelled run arrive as a cancel; the remote side must not go on alone.
                await asyncio.shield(asyncio.wait_for(_end(link, tag, sudo), timeout=_KILL_SECONDS))
                raise


async def _drain(process: asyncssh.SSHClientProcess[bytes], stdin: bytes | None) -> Completed:
    async def feed() -> None:
        # A command may end without reading all of its input; its exit status tells the rest.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError, asyncssh.Error):
            view = memoryview(stdin or b"")
            for start in range(0, len(view), _CHUNK):
                process.stdin.write(bytes(view[start : start + _CHUNK]))
                await process.stdin.drain()
            process.stdin.write_eof()

    async def collect(reader: asyncssh.SSHReader[bytes]) -> bytes:
        parts = bytearray()
        while chunk := await reader.read(_CHUNK):
            parts += chunk
            if len(parts) > OUTPUT_LIMIT:
                raise Overflow
        return bytes(parts)

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(feed())
            out = group.create_task(collect(process.stdout))
            err = group.create_task(collect(process.stderr))
        await process.wait_closed()
    except BaseExceptionGroup as failures:
        first = failures.exceptions[0]
        if isinstance(first, (asyncssh.Error, OSError)):
            raise Vanished(str(first)) from None
        raise first from None
    except (asyncssh.Error, OSError) as error:
        raise Vanished(str(error)) from None
    if process.exit_status is None and process.exit_signal is None:
        raise Vanished("the host closed the channel without an exit status")
    rc = -1 if process.exit_signal is not None or process.exit_status is None else process.exit_status
    raw = out.result()
    return Completed(rc, raw.decode("utf-8", "replace"), err.result().decode("utf-8", "replace"), raw)


async def _end(link: Link, tag: str, sudo: bool) -> None:
    """Tell what is left of a command to stop; the remote `timeout` stays behind as the bound when this fails."""
    with contextlib.suppress(Exception):
        line = command_line(["sh", "-c", _KILL, "TERM"], sudo=sudo, seconds=_KILL_SECONDS)
        async with link.process(line, urgent=True) as process:
            process.stdin.write(f"{_TAG}={tag}\n".encode())
            process.stdin.write_eof()
            await process.wait_closed()
