"""What the SDK does for each resource and nobody looks at, left out: of hundreds it was a third of a preview."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.runtime import resource as registration  # the SDK is pinned; there is no public way
from pulumi.runtime.proto import source_pb2

__all__ = ["VARIABLE", "trim"]

VARIABLE = "METALSWARM_SDK_TRACE"


def trim(environment: Mapping[str, str]) -> None:
    """Leave out the SDK's debug lines and its notes of where in the program each resource is made.

    The lines are five a resource, each a call of the engine, which shows them with `--debug` only. The notes are a walk
    over the stack and its source files, and go into the state, which the engine writes at every step.

    :param environment: holds `METALSWARM_SDK_TRACE=true` where somebody wants both.
    """
    if environment.get(VARIABLE, "").lower() not in ("1", "true"):
        pulumi.log.debug = _dropped
        registration._get_stack_trace = source_pb2.StackTrace


def _dropped(msg: str, *_: Any, **__: Any) -> None:
    """A line that nobody asked for."""
