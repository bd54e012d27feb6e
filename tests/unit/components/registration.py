"""A program's components registered without an engine: every resource with its inputs, edges and options."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi.runtime import rpc
from pulumi.runtime.mocks import MockMonitor, MockResourceArgs, Mocks, set_mocks

from components.fleet import build_fleet
from metal.settings.fleet import Fleet

__all__ = ["Registered", "register"]


@dataclass(frozen=True)
class Registered:
    """One resource as the engine is told of it. Resources are named `Type name`.

    :ivar inputs: as sent; the serialised provider left out.
    :ivar edges: by input, the resources it comes from.
    :ivar after: every resource that it waits for, edges among them.
    """

    inputs: dict[str, Any]
    edges: dict[str, list[str]]
    after: list[str]
    parent: str
    protect: bool
    custom: bool


@dataclass
class _Monitor(MockMonitor):
    seen: dict[str, Registered] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(_Echo())
        self.guard = threading.Lock()

    def RegisterResource(self, request: Any) -> Any:
        answer = super().RegisterResource(request)
        inputs = rpc.deserialize_properties(request.object)
        inputs.pop("__provider", None)
        edges = {
            key: sorted({_name(urn) for urn in dependency.urns})
            for key, dependency in request.propertyDependencies.items()
            if dependency.urns
        }
        with self.guard:
            self.seen[_name(answer.urn)] = Registered(
                inputs=inputs,
                edges=edges,
                after=sorted({_name(urn) for urn in request.dependencies}),
                parent=_name(request.parent) if request.parent else "",
                protect=request.protect,
                custom=request.custom,
            )
        return answer


class _Echo(Mocks):
    """Gives every resource an id that tells whose it is, and HostReady the one output that others take."""

    def call(self, args: Any) -> Any:
        raise AssertionError(f"a component called {args.token}")

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        link = args.typ.split(":")[-1]
        more = {"host_key": f"key of {args.name}"} if link == "HostReady" else {}
        return f"{link} {args.name}", {**args.inputs, **more}


def register(fleet: Fleet) -> dict[str, Registered]:
    """Register every component of `fleet`; what the engine was told, by `Type name`."""
    monitor = _Monitor()
    with _loop() as loop:
        set_mocks(monitor.mocks, project="shop", stack="prod", preview=False, monitor=monitor)

        async def program() -> None:
            await pulumi.runtime.stack.run_pulumi_func(lambda: build_fleet(fleet))

        loop.run_until_complete(program())
    monitor.seen.pop("Stack shop-prod", None)
    return dict(sorted(monitor.seen.items()))


@contextmanager
def _loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop of its own, so that nothing of one registration is left for the next."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        yield loop
    finally:
        pulumi.runtime.reset_options()
        asyncio.set_event_loop(None)
        loop.close()


def _name(urn: str) -> str:
    _, _, kind, name = urn.split("::")
    return f"{kind.split('$')[-1].split(':')[-1]} {name}"
