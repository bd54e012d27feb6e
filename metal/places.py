"""Who is being disrupted in this process: the places of the waves, taken and given back by threads."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from metal.errors import ClusterError
from metal.plan.verdict import Wait
from metal.plan.waves import Place, Stop, decide_place
from metal.waiting import Pending

__all__ = ["Places", "WaveStopped"]


class WaveStopped(ClusterError):
    """A host was not touched, because one before it in its wave is not well."""


@dataclass
class _Held:
    place: Place
    acts: int = 1


@dataclass
class Places:
    """One run's places. Every resource of a stack is served by threads of one process, so this is the whole truth.

    A host holds one place however many acts disrupt it at once; it is free when the last of them is done.
    """

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _held: dict[str, _Held] = field(default_factory=dict)
    _waiting: dict[str, Place] = field(default_factory=dict)
    _stopped: dict[str, str] = field(default_factory=dict)
    _failed: dict[str, str] = field(default_factory=dict)
    _busy: Counter[str] = field(default_factory=Counter)
    _guards: dict[str, threading.RLock] = field(default_factory=dict)

    @contextmanager
    def waiting(self, place: Place) -> Iterator[None]:
        """Around the wait for a place: those who come later in the order let this host go first."""
        with self._lock:
            mine = self._waiting.setdefault(place.host, place) is place
        try:
            yield
        finally:
            with self._lock:
                if mine:
                    self._waiting.pop(place.host, None)

    def take(self, place: Place, *, away: Collection[str] = (), really: bool = True) -> bool | Pending:
        """Take the place if that may be now; for a host that holds one, one act more.

        :param away: hosts of its pool that were just found away.
        :param really: False only asks.
        :raises WaveStopped: one before it is not well.
        """
        with self._lock:
            found = self._held.get(place.host)
            if found is not None:
                found.acts += 1 if really else 0
                return True
            verdict = decide_place(
                place,
                held={name: one.place for name, one in self._held.items()},
                waiting=self._waiting,
                away=away,
                stopped=self._stopped,
                failed=self._failed,
            )
            if isinstance(verdict, Wait):
                return Pending(verdict.reason)
            if isinstance(verdict, Stop):
                raise WaveStopped(
                    f"not begun: the wave of {place.pool.name} stopped at {verdict.host}",
                    host=place.host,
                    seen=verdict.why,
                    next_step=f"mend {verdict.host} (its own error says how) or put it on hold, then run again: "
                    "it goes on there",
                )
            if really:
                self._held[place.host] = _Held(place)
            return True

    def holds(self, host: str) -> bool:
        """Whether anything disrupts the host now, or did and failed."""
        with self._lock:
            return host in self._held

    def is_anybody_held(self, *, but: str) -> bool:
        """Whether another host is being disrupted."""
        with self._lock:
            return any(name != but and name not in self._stopped for name in self._held)

    def acts(self, host: str) -> int:
        """How many acts disrupt the host now."""
        with self._lock:
            return self._held[host].acts if host in self._held else 0

    def has_stopped(self, host: str) -> bool:
        with self._lock:
            return host in self._stopped

    def done(self, host: str) -> None:
        """One act less; the place is free after the last, unless one of them failed."""
        with self._lock:
            found = self._held.get(host)
            if found is None:
                return
            found.acts -= 1
            if found.acts <= 0 and host not in self._stopped:
                del self._held[host]

    def stop(self, host: str, why: str) -> None:
        """An act that disrupts the host failed: nobody else of its groups begins in this run."""
        with self._lock:
            if host in self._held:
                self._stopped.setdefault(host, why)

    def fail(self, host: str, why: str) -> None:
        """Something else failed on the host: who finds it away need not wait for it in this run."""
        with self._lock:
            self._failed.setdefault(host, why)

    @contextmanager
    def under_way(self, host: str) -> Iterator[None]:
        """Around every operation on a host: who finds it away then waits for what comes of it."""
        with self._lock:
            self._busy[host] += 1
        try:
            yield
        finally:
            with self._lock:
                self._busy[host] -= 1

    def is_under_way(self, host: str) -> bool:
        with self._lock:
            return self._busy[host] > 0

    def failures(self) -> frozenset[str]:
        """Hosts on which anything failed in this run."""
        with self._lock:
            return frozenset({*self._failed, *self._stopped})

    def guard(self, host: str) -> threading.RLock:
        """Held while a host is drained or given back its work; acts on one host must not do both at once."""
        with self._lock:
            return self._guards.setdefault(host, threading.RLock())
