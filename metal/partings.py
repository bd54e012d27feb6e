"""Who is leaving a swarm in this process, and who has left it: what stands under a membership goes after it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

__all__ = ["Partings"]


@dataclass
class Partings:
    """One run's partings. Every resource of a stack is served by threads of one process, so this is the whole truth."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _leaving: Counter[str] = field(default_factory=Counter)
    _left: set[tuple[str, str]] = field(default_factory=set)
    _turns: dict[str, threading.Lock] = field(default_factory=dict)

    @contextmanager
    def leaving(self, host: str) -> Iterator[None]:
        """Around every operation that takes the host's membership, or what stands on it, down."""
        with self._lock:
            self._leaving[host] += 1
        try:
            yield
        finally:
            with self._lock:
                self._leaving[host] -= 1

    def is_leaving(self, host: str) -> bool:
        with self._lock:
            return self._leaving[host] > 0

    def note_left(self, host: str, cluster: str) -> None:
        """The host is out of that cluster's swarm, and no line of it is listed there."""
        with self._lock:
            self._left.add((host, cluster))

    def note_joining(self, host: str, cluster: str) -> None:
        """The host may be in that swarm from now on."""
        with self._lock:
            self._left.discard((host, cluster))

    def has_left(self, host: str, cluster: str) -> bool:
        with self._lock:
            return (host, cluster) in self._left

    def turn(self, host: str) -> threading.Lock:
        """Held by whoever takes the host out; its other links find it done."""
        with self._lock:
            return self._turns.setdefault(host, threading.Lock())
