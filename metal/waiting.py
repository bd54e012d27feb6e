"""Waiting with a deadline, a cancel and a last thing seen: the only way this project waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from metal.errors import Cancelled, MetalError

__all__ = ["LOOK_SECONDS", "Deadline", "Limit", "Pending", "Run", "wait_until"]

T = TypeVar("T")

# What a look that waits for nothing gives a silent host: one that is up answers in well under a second.
LOOK_SECONDS = 15.0
# Seconds between two lines of a wait that sees nothing new, in the end.
_TOLD_AGAIN = 30.0


class Limit(float):
    """Seconds that know which setting they come from, so that an error can say what to raise; sums know it of all.

    :ivar setting: its path ("deadlines.boot"), or those of its parts ("deadlines.boot + 3 x deadlines.swarm").
    """

    setting: str

    def __new__(cls, seconds: float, setting: str = "") -> Limit:
        limit = super().__new__(cls, seconds)
        limit.setting = setting
        return limit

    def __add__(self, other: float) -> Limit:
        parts = (self.setting, getattr(other, "setting", ""))
        return Limit(float(self) + float(other), " + ".join(parts) if all(parts) else "")

    def __mul__(self, times: float) -> Limit:
        if times == 1:
            return self
        whole = f"({self.setting})" if " + " in self.setting else self.setting
        return Limit(float(self) * times, f"{times:g} x {whole}" if whole else "")

    __rmul__ = __mul__


@dataclass(frozen=True)
class Run:
    """What every act is given: how to stop, how to tell, what time it is.

    :ivar cancel: set when the engine or the user asks to stop.
    :ivar progress: takes one short line; shown on the resource where there is one.
    :ivar clock: monotonic seconds.
    :ivar orphaned: whether it ends because whoever began it died, and not because anybody asked it to stop.
    """

    cancel: threading.Event = field(default_factory=threading.Event)
    progress: Callable[[str], None] = lambda line: None
    clock: Callable[[], float] = time.monotonic
    orphaned: Callable[[], bool] = lambda: False

    def pause(self, seconds: float, *, host: str | None = None) -> None:
        """Wait `seconds`, or raise :class:`Cancelled` at once when the run is cancelled."""
        if self.cancel.wait(max(0.0, seconds)):
            raise Cancelled("cancelled while waiting", host=host, next_step="run the same command again; it resumes")

    def deadline(self, seconds: float) -> Deadline:
        """:param seconds: a :class:`Limit` where a setting says it, so that errors can name that."""
        return Deadline(self.clock() + seconds, seconds, self, getattr(seconds, "setting", ""))


@dataclass(frozen=True)
class Deadline:
    """A point in time that covers a whole operation, retries included.

    :ivar at: monotonic seconds.
    :ivar seconds: the length it was made with, for messages.
    :ivar setting: where that comes from, likewise; empty where it is none of the settings.
    """

    at: float
    seconds: float
    run: Run
    setting: str = ""

    def __str__(self) -> str:
        """Its length and where that comes from: "300 s (deadlines.ready)"."""
        length = f"{self.seconds:.0f} s" if self.seconds >= 10 else f"{self.seconds:.2g} s"
        return f"{length} ({self.setting})" if self.setting else length

    def late(self, what: str) -> str:
        """The words for what did not come true before it."""
        return f"not within {self}: {what}"

    @property
    def remaining(self) -> float:
        return self.at - self.run.clock()

    @property
    def passed(self) -> bool:
        return self.remaining <= 0

    def within(self, seconds: float) -> Deadline:
        """The earlier of this deadline and `seconds` from now."""
        left = max(0.0, self.remaining)
        if seconds <= left:
            return self.run.deadline(seconds)
        part = f"rest of {self.setting}" if self.setting and left < self.seconds - 1 else self.setting
        return Deadline(self.at, left, self.run, part.replace("rest of rest of", "rest of"))

    def look(self, seconds: float) -> Deadline:
        """The same for one look of a wait that asks several: that wait tells what it waits for, and for how long.

        A line of the look's own would count its few seconds, and read as if the whole wait had no more.
        """
        return replace(self.within(seconds), run=replace(self.run, progress=lambda line: None))


@dataclass(frozen=True)
class Pending:
    """A probe's answer for "not yet".

    :ivar seen: what was observed; ends up in the error at the deadline.
    """

    seen: str


def wait_until(
    what: str,
    probe: Callable[[], T | Pending],
    *,
    deadline: Deadline,
    fail: Callable[[str, str], MetalError],
    interval: float = 1.0,
    host: str | None = None,
    passing: tuple[type[MetalError], ...] = (),
) -> T:
    """Call `probe` until it returns something other than :class:`Pending`.

    :param what: what is waited for, as a clause ("SSH answers"); shown as progress when something new is seen, and
        otherwise after 1, 3, 7, 15 s and so on, at least every half minute; its end is told if its beginning was.
    :param fail: makes the error at the deadline from (the words for what did not come true and how long it was waited
        for, last thing seen).
    :param interval: seconds between the end of one probe and the start of the next.
    :param passing: errors of a probe that count as "not yet".
    :raises Cancelled: when the run is cancelled.
    """
    run = deadline.run
    started = run.clock()
    last = "nothing yet"
    shown, due, gap = "", 0.0, 1.0

    # The host is said once.
    told = what.removeprefix(f"{host} ")

    def tell(line: str) -> None:
        run.progress(f"{host}: {line}" if host else line)

    while True:
        try:
            answer: Any = probe()
        except passing as error:
            answer = Pending(str(error).replace("\n", " "))
        if not isinstance(answer, Pending):
            if shown:
                tell(f"{told}, after {run.clock() - started:.0f} s")
            return answer  # type: ignore[no-any-return]
        last = answer.seen
        waited = run.clock() - started
        if last != shown or waited >= due:
            tell(f"waiting: {told} ({last}), {waited:.0f} s of {deadline.seconds:.0f} s")
            # What is told again goes into logs, of a hundred hosts at once: ever more rarely.
            shown, due, gap = last, waited + gap, min(gap * 2, _TOLD_AGAIN)
        if deadline.remaining <= interval:
            failure = fail(deadline.late(what), last)
            failure.host = failure.host or host
            raise failure
        run.pause(interval, host=host)
