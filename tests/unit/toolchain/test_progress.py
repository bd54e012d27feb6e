from __future__ import annotations

import io

import pytest

from toolchain.progress import Step


def test_says_what_how_far_how_long_and_not_too_often() -> None:
    now = [0.0]
    out = io.StringIO()
    with Step("building", every=10, stream=out, clock=lambda: now[0]) as step:
        for second in (1, 11, 12, 25):
            now[0] = second
            step.at(f"{second} of 30")
    assert out.getvalue().splitlines() == [
        "building ...",
        "building: 11 of 30, 11 s",
        "building: 25 of 30, 25 s",
        "building: done, 25 s",
    ]


def test_failure_is_said() -> None:
    out = io.StringIO()

    def work() -> None:
        with Step("building", stream=out, clock=lambda: 0.0):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        work()
    assert out.getvalue().endswith("building: failed, 0 s\n")
