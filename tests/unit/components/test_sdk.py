"""What of the SDK's work is left out, and that it comes back when asked for."""

from __future__ import annotations

import pulumi
import pytest
from pulumi.runtime import resource as registration

from components.sdk import VARIABLE, trim


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is replaced is put back."""
    monkeypatch.setattr(pulumi.log, "debug", pulumi.log.debug)
    monkeypatch.setattr(registration, "_get_stack_trace", registration._get_stack_trace)


def test_debug_lines_and_places_in_the_program_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(pulumi.log, "_log", lambda engine, severity, msg, *rest: told.append(msg))
    monkeypatch.setattr(pulumi.log, "get_engine", object)
    trim({})
    pulumi.log.debug("beginning rpc register resource", None)
    pulumi.log.info("a host joins")
    assert told == ["a host joins"]
    trace = registration._get_stack_trace()
    assert not trace.frames
    assert registration._get_source_position(trace) is None


def test_who_asks_gets_both() -> None:
    before = (pulumi.log.debug, registration._get_stack_trace)
    trim({VARIABLE: "true"})
    assert (pulumi.log.debug, registration._get_stack_trace) == before
