"""Let every registration come to its end, so that one failing host neither cuts the others short nor floods the log."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pulumi
from pulumi.runtime.settings import SETTINGS
from pulumi.runtime.stack import ResourceRegistrationFailed
from pulumi.runtime.stack import _get_rpc_manager as rpc_manager  # the SDK is pinned; there is no public way

from providers.stall import note_path, read_note

__all__ = ["settle"]

_LOOK_SECONDS = 1.0

_FAILED = re.compile(r"resource (?P<name>\S+) \[[^\]]*[:/](?P<link>\w+)\] failed to register")


async def settle(owner: str) -> None:
    """Wait until all resources are registered or have failed; then fail, in one line a host, if any has.

    The SDK ends the program at the first resource whose dependency failed, even while other chains are under way, and
    prints a traceback for it. The program must still fail: Pulumi would delete what a successful program leaves out.

    :param owner: `project/stack`.
    :raises pulumi.RunError: some registration failed; the resource's own error says why.
    """
    manager = rpc_manager()
    # A preview carries nothing out, and must not take the note of an update that runs beside it.
    note = None if pulumi.runtime.is_dry_run() else note_path(owner)
    if note:
        note.unlink(missing_ok=True)
    stopped: dict[str, str] = {}
    other: BaseException | None = None
    await asyncio.sleep(0)  # a registration enters the list when its task first runs
    while manager.rpcs:
        await asyncio.wait([asyncio.ensure_future(rpc) for rpc in manager.rpcs], timeout=_LOOK_SECONDS)
        stalled = read_note(note) if note else None
        rpcs = [asyncio.ensure_future(rpc) for rpc in manager.rpcs]
        manager.rpcs = [rpc for rpc in rpcs if not rpc.done()]
        for rpc in (rpc for rpc in rpcs if rpc.done()):
            error = rpc.exception()
            found = _FAILED.match(str(error)) if isinstance(error, ResourceRegistrationFailed) else None
            if found:
                stopped[found["name"]] = found["link"]
            elif error is not None:
                other = other or error
        if note and stalled:
            _leave(note)
            stopped.update(stalled)
            break
    if other is not None:
        return  # the SDK reports it, with where it came from
    if stopped:
        manager.clear()
        lines = [f"{name}: stopped at {link}; what comes after it waits" for name, link in sorted(stopped.items())]
        raise pulumi.RunError(
            "\n".join(
                [*lines, "The rest went on. Each one's own error is among the diagnostics; run the same command again."]
            )
        )
    # The SDK looks at its list before the registration of the stack's outputs has entered it; empty, it would end the
    # program without them.
    manager.rpcs.append(asyncio.ensure_future(asyncio.sleep(0)))


def _leave(note: Path) -> None:
    """Give up what the engine will never answer: the SDK would wait for it before it lets the program end."""
    note.unlink(missing_ok=True)
    with SETTINGS.lock:
        SETTINGS.outputs.clear()
