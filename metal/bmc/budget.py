"""Who may talk to which BMC now: one caller a BMC, so many in all, so many a subnet; first come, first served."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from metal.bmc.failure import failure
from metal.bmc.rmcp.wire import Endpoint
from metal.errors import BmcFault, Cancelled
from metal.settings.access import BmcAddress
from metal.waiting import Deadline

__all__ = ["Budget"]

_SLICE = 0.2  # seconds a waiter may pass without looking at the cancel


@dataclass(eq=False)
class _Waiter:
    endpoint: Endpoint
    host: str
    admitted: threading.Event = field(default_factory=threading.Event)


class Budget:
    """Admits callers in order of arrival; one that cannot go now does not hold up those behind it that can.

    :param sessions: BMCs in use at once.
    :param per_subnet: of those, at most so many in one subnet.
    """

    def __init__(self, *, sessions: int, per_subnet: int) -> None:
        self._sessions = sessions
        self._per_subnet = per_subnet
        self._lock = threading.Lock()
        self._queue: list[_Waiter] = []
        self._held: dict[Endpoint, str] = {}
        self._subnets: Counter[str] = Counter()

    @contextmanager
    def hold(self, endpoint: Endpoint, address: BmcAddress, deadline: Deadline) -> Iterator[None]:
        """Have the BMC to oneself.

        :raises BmcError: TIMEOUT; its turn did not come before the deadline. Nothing was sent.
        :raises Cancelled: the run was cancelled meanwhile.
        """
        waiter = _Waiter(endpoint, address.host)
        with self._lock:
            self._queue.append(waiter)
            self._admit()
        try:
            self._wait(waiter, address, deadline)
            yield
        finally:
            with self._lock:
                self._release(waiter)
                self._admit()

    def _wait(self, waiter: _Waiter, address: BmcAddress, deadline: Deadline) -> None:
        run = deadline.run
        told = False
        while not waiter.admitted.wait(max(0.0, min(_SLICE, deadline.remaining))):
            if run.cancel.is_set():
                raise Cancelled(
                    "cancelled while waiting for its BMC's turn",
                    host=address.host,
                    next_step="run the same command again; it resumes",
                )
            if deadline.passed:
                raise failure(
                    address,
                    BmcFault.TIMEOUT,
                    f"its turn did not come within {deadline}",
                    seen=self._reason(waiter),
                    next_step="raise deadlines.bmc, or limits.bmc_sessions and limits.bmc_per_subnet if the network "
                    "and the BMCs bear it",
                )
            if not told:
                told = True
                run.progress(f"{address.host}: waiting for its BMC's turn ({self._reason(waiter)})")

    def _reason(self, waiter: _Waiter) -> str:
        with self._lock:
            if waiter.endpoint in self._held:
                return f"the BMC is in use for {self._held[waiter.endpoint]}"
            if len(self._held) >= self._sessions:
                return f"{len(self._held)} of {self._sessions} BMC sessions are in use"
            return (
                f"{self._subnets[waiter.endpoint.subnet]} of {self._per_subnet} BMC sessions of its subnet are in use"
            )

    def _admit(self) -> None:
        still: list[_Waiter] = []
        for place, waiter in enumerate(self._queue):
            if len(self._held) >= self._sessions:
                # Of hundreds that wait, mostly nobody can go: this is asked at every arrival and every end.
                still += self._queue[place:]
                break
            if waiter.endpoint not in self._held and self._subnets[waiter.endpoint.subnet] < self._per_subnet:
                self._held[waiter.endpoint] = waiter.host
                self._subnets[waiter.endpoint.subnet] += 1
                waiter.admitted.set()
            else:
                still.append(waiter)
        self._queue = still

    def _release(self, waiter: _Waiter) -> None:
        if waiter.admitted.is_set():
            del self._held[waiter.endpoint]
            self._subnets[waiter.endpoint.subnet] -= 1
        else:
            self._queue.remove(waiter)
