"""What a wait tells while it lasts."""

from __future__ import annotations

import itertools
import json
import pickle
import threading
from dataclasses import dataclass, field

import pytest

from metal.errors import HostError, HostFault, MetalError
from metal.settings.fleet import Deadlines
from metal.waiting import Limit, Pending, Run, wait_until


@dataclass
class _Hands:
    """A clock that only pauses move."""

    now: float = 100.0
    lines: list[str] = field(default_factory=list)

    def run(self) -> Run:
        hands = self

        class Cancel(threading.Event):
            def wait(self, timeout: float | None = None) -> bool:
                hands.now += timeout or 0.0
                return False

        return Run(cancel=Cancel(), progress=self.lines.append, clock=lambda: self.now)


def _fail(what: str, seen: str) -> MetalError:
    return HostError(what, fault=HostFault.TIMEOUT, seen=seen)


def test_what_stays_the_same_is_told_ever_more_rarely() -> None:
    hands = _Hands()
    with pytest.raises(HostError):
        wait_until("SSH answers", lambda: Pending("refused"), deadline=hands.run().deadline(600), fail=_fail, host="n1")
    seconds = [int(line.rsplit(", ", 1)[1].split()[0]) for line in hands.lines]
    assert seconds[:5] == [0, 1, 3, 7, 15]
    assert max(later - sooner for sooner, later in itertools.pairwise(seconds)) == 30
    assert len(hands.lines) < 30
    assert hands.lines[0] == "n1: waiting: SSH answers (refused), 0 s of 600 s"


def test_something_new_is_told_at_once() -> None:
    hands = _Hands()
    seen = iter(["refused"] * 20 + ["no key", "no key"])
    wait_until(
        "SSH answers",
        lambda: Pending(next(seen)) if hands.now < 122 else "up",
        deadline=hands.run().deadline(60),
        fail=_fail,
    )
    assert "waiting: SSH answers (no key), 20 s of 60 s" in hands.lines
    assert sum("no key" in line for line in hands.lines) == 1
    assert hands.lines[-1] == "SSH answers, after 22 s"


def test_what_is_so_at_once_is_not_told() -> None:
    hands = _Hands()
    assert wait_until("SSH answers", lambda: "up", deadline=hands.run().deadline(60), fail=_fail) == "up"
    assert not hands.lines


def test_a_look_tells_nothing_of_itself_and_ends_with_its_wait() -> None:
    hands = _Hands()
    wait = hands.run().deadline(20)
    look = wait.look(8)
    with pytest.raises(HostError):
        wait_until("SSH answers", lambda: Pending("refused"), deadline=look, fail=_fail)
    assert hands.lines == []
    assert wait.look(60).seconds == wait.remaining < 20
    assert look.run.cancel is wait.run.cancel


LIMITS = Deadlines(ready=20, ssh=30, boot=60)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (LIMITS.ready, "20 s (deadlines.ready)"),
        (LIMITS.boot + LIMITS.ssh, "90 s (deadlines.boot + deadlines.ssh)"),
        (LIMITS.ready * 3, "60 s (3 x deadlines.ready)"),
        (2 * (LIMITS.boot + LIMITS.ssh), "180 s (2 x (deadlines.boot + deadlines.ssh))"),
        (LIMITS.ready * 1, "20 s (deadlines.ready)"),
        (LIMITS.ready + 2.0, "22 s"),
        (4.5, "4.5 s"),
    ],
)
def test_a_wait_that_runs_out_says_what_for_how_long_and_by_which_setting(seconds: float, words: str) -> None:
    deadline = _Hands().run().deadline(seconds)
    with pytest.raises(HostError) as caught:
        wait_until("SSH answers", lambda: Pending("refused"), deadline=deadline, fail=_fail, host="n1")
    assert str(caught.value) == f"n1: not within {words}: SSH answers\n  last seen: refused"


def test_a_shorter_limit_within_a_deadline_goes_by_its_own_name_or_is_what_is_left() -> None:
    hands = _Hands()
    whole = hands.run().deadline(LIMITS.ready)
    assert str(whole.within(LIMITS.boot)) == "20 s (deadlines.ready)"
    assert str(whole.within(5)) == "5 s"
    assert str(whole.within(Limit(5, "deadlines.bmc"))) == "5 s (deadlines.bmc)"
    hands.now += 8
    assert str(whole.within(60)) == "12 s (rest of deadlines.ready)"
    assert str(whole.within(60).look(60)) == "12 s (rest of deadlines.ready)"


def test_a_limit_is_a_number_like_any_other() -> None:
    again = pickle.loads(pickle.dumps(LIMITS))
    assert (again, again.ready.setting) == (LIMITS, "deadlines.ready")
    assert (LIMITS.ready, LIMITS.ready / 2, json.dumps(LIMITS.ready)) == (20, 10, "20.0")
