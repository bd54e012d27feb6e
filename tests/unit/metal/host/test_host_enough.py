"""A host held against `ready`: what is told of it, and that the cure fits what is wrong."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest

from metal.errors import HostError, HostFault
from metal.host.clock import Skew
from metal.host.cure import cure, looked_at
from metal.host.enough import check_enough
from metal.settings.expectations import Expectations
from metal.settings.fleet import Deadlines
from metal.waiting import Run
from tests.unit.metal.host.test_host_plan import FACTS, WISH

EXACT, AHEAD = Skew(0.0, 0.01), Skew(300.0, 0.01)


@dataclass
class Host:
    """A host of which only the clock is asked."""

    ahead: float
    synchronised: str = "yes"

    def run(self, argv: list[str], **how: Any) -> SimpleNamespace:
        said = str(time.time() + self.ahead) if argv[0] == "date" else self.synchronised
        return SimpleNamespace(stdout=said)


def hurried() -> Run:
    """A run that ends its waits at once."""
    cancel = SimpleNamespace(wait=lambda seconds=None: False, is_set=lambda: False)
    seconds = iter(range(10**6))
    return Run(cancel=cancel, clock=lambda: float(next(seconds)))  # type: ignore[arg-type]


def refused(host: Host, **differs: Any) -> HostError:
    facts = replace(FACTS, **{key: value for key, value in differs.items() if key != "wish"})
    deadline = hurried().deadline(Deadlines(ready=20).ready)
    with pytest.raises(HostError) as caught:
        check_enough(host, differs.get("wish", WISH), facts, deadline)  # type: ignore[arg-type]
    assert caught.value.fault is HostFault.NOT_READY
    return caught.value


def test_a_clock_that_is_waited_for_says_for_how_long_and_by_which_setting() -> None:
    error = refused(Host(300))
    assert error.what == "not within 20 s (deadlines.ready): its clock is right"
    assert error.tried == ("date",)
    assert "ahead of ours" in str(error.seen)
    assert "time synchronisation" in str(error.next_step)


def test_a_clock_that_nobody_holds_in_step_is_told_by_what_was_asked() -> None:
    error = refused(Host(0, "no"), wish=replace(WISH, expect=Expectations(time_sync=True)))
    assert error.tried == ("date, timedatectl",)
    assert "NTPSynchronized=no" in str(error.seen)


def test_what_is_too_small_is_told_at_once_without_a_word_of_clocks() -> None:
    error = refused(Host(0), memory=2**20)
    assert error.what == "the host does not meet what ready asks for"
    assert "time" not in str(error.next_step)
    assert "ready" in str(error.next_step)


def test_a_disk_that_cannot_be_written_to_has_the_cure_of_a_disk() -> None:
    error = refused(Host(0), read_only=("/var",))
    assert "folders that are written to" in error.tried[0]
    assert str(error.next_step).startswith("look at `dmesg`")


@pytest.mark.parametrize(
    ("differs", "skew", "sorts"),
    [
        ({}, AHEAD, ["time synchronisation"]),
        ({"cpus": 1}, EXACT, ["made of"]),
        ({"os_version": "11"}, EXACT, ["ready.os"]),
        ({"read_only": ("/var",)}, EXACT, ["dmesg"]),
        ({"read_only": ("/var",), "memory": 1}, AHEAD, ["made of", "time synchronisation", "dmesg"]),
    ],
)
def test_each_sort_of_shortfall_has_its_cure_and_no_other(
    differs: dict[str, Any], skew: Skew, sorts: list[str]
) -> None:
    words = cure(WISH, replace(FACTS, **differs), skew)
    assert [sort for sort in ("ready.os", "made of", "time synchronisation", "dmesg") if sort in words] == sorts


def test_only_what_was_asked_for_counts_as_looked_at() -> None:
    assert looked_at(replace(WISH, os=())) == ("processors", "memory", "clock", "folders that are written to")
    assert "kernel" in looked_at(replace(WISH, expect=Expectations(kernel=("6.*",))))
