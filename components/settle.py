"""Let every registration come to its end, so that one failing host neither cuts the others short nor floods the log."""

from __future__ import annotations

import asyncio
import re

import pulumi
from pulumi.runtime.settings import SETTINGS
from pulumi.runtime.stack import ResourceRegistrationFailed
from pulumi.runtime.stack import _get_rpc_manager as rpc_manager  # the SDK is pinned; there is no public way

from providers.presence import has_died, presence_path
from providers.stall import note_path, read_note

__all__ = ["settle"]

_LOOK_SECONDS = 1.0
# What the engine answers of a dead server's work, it answers at once.
_QUIET_LOOKS = 3

_FAILED = re.compile(r"resource (?P<name>\S+) \[[^\]]*[:/](?P<link>\w+)\] failed to register")

_DIED = "the provider server ended before its work was done: it was killed, or the machine is out of memory"


async def settle(owner: str) -> None:
    """Wait until all resources are registered or have failed; then fail, in one line a host, if any has.

    The SDK ends the program at the first resource whose dependency failed, even while other chains are under way, and
    prints a traceback for it. The program must still fail: Pulumi would delete what a successful program leaves out.

    :param owner: `project/stack`.
    :raises pulumi.RunError: some registration failed, or the provider server died; the resource's own error says why.
    """
    manager = rpc_manager()
    provider = _Provider(owner)
    stopped: dict[str, str] = {}
    other: BaseException | None = None
    died = False
    await asyncio.sleep(0)  # a registration enters the list when its task first runs
    while manager.rpcs:
        await asyncio.wait([asyncio.ensure_future(rpc) for rpc in manager.rpcs], timeout=_LOOK_SECONDS)
        stalled = provider.stalled()
        rpcs = [asyncio.ensure_future(rpc) for rpc in manager.rpcs]
        manager.rpcs = [rpc for rpc in rpcs if not rpc.done()]
        for rpc in (rpc for rpc in rpcs if rpc.done()):
            error = rpc.exception()
            found = _FAILED.match(str(error)) if isinstance(error, ResourceRegistrationFailed) else None
            if found:
                stopped[found["name"]] = found["link"]
            elif error is not None:
                other = other or error
        died = provider.died(answered=len(manager.rpcs) < len(rpcs))
        if stalled or died:
            _leave()
            stopped.update(stalled or {})
            break
    provider.clear()
    if other is not None:
        return  # the SDK reports it, with where it came from
    if stopped or died:
        manager.clear()
        lines = [f"{name}: stopped at {link}; what comes after it waits" for name, link in sorted(stopped.items())]
        raise pulumi.RunError(
            "\n".join(
                [
                    *lines,
                    *([_DIED] if died else []),
                    "The rest went on. Each one's own error is among the diagnostics; run the same command again.",
                ]
            )
        )
    # The SDK looks at its list before the registration of the stack's outputs has entered it; empty, it would end the
    # program without them.
    manager.rpcs.append(asyncio.ensure_future(asyncio.sleep(0)))


class _Provider:
    """What the provider's process says beside the engine: that it is stuck, and that it lives."""

    def __init__(self, owner: str) -> None:
        # A preview carries nothing out, and must not take the notes of an update that runs beside it.
        self._acts = not pulumi.runtime.is_dry_run()
        self._note, self._presence = note_path(owner), presence_path(owner)
        self._quiet = 0
        self.clear()

    def stalled(self) -> dict[str, str] | None:
        """Where each host is stuck, once nothing else is under way."""
        return read_note(self._note) if self._acts else None

    def died(self, *, answered: bool) -> bool:
        """Whether it is gone and the engine has answered all that it will.

        :param answered: a registration has ended since the last look.
        """
        if not self._acts or answered or not has_died(self._presence):
            self._quiet = 0
            return False
        self._quiet += 1
        return self._quiet >= _QUIET_LOOKS

    def clear(self) -> None:
        """Leave nothing behind that the next run could take for its own."""
        if self._acts:
            self._note.unlink(missing_ok=True)
            self._presence.unlink(missing_ok=True)


def _leave() -> None:
    """Give up what the engine will never answer: the SDK would wait for it before it lets the program end."""
    with SETTINGS.lock:
        SETTINGS.outputs.clear()
