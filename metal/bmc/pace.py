"""A floor under the time between two commands to one BMC: some freeze under fast series of them."""

from __future__ import annotations

from metal.waiting import Run

__all__ = ["Pace"]

# A BMC that went silent in the middle of a session is spared from then on; it may have been the haste.
_SLOWEST = 1.0
_SLOWER = 4.0


class Pace:
    """Remembers one BMC's last command across sessions. Used only by the holder of that BMC.

    :param interval: seconds from one command to the next.
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._next = 0.0

    def back_off(self) -> None:
        """Keep a longer distance from now on: it went silent under the present one."""
        self._interval = max(self._interval, min(_SLOWEST, max(0.05, self._interval) * _SLOWER))

    def wait(self, run: Run, host: str) -> None:
        """Return when the next command may be sent.

        :raises Cancelled: the run was cancelled meanwhile.
        """
        early = self._next - run.clock()
        if early > 0:
            run.pause(early, host=host)
        self._next = run.clock() + self._interval
