"""One change at a time to the managers of a cluster."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from metal.errors import ClusterError
from metal.waiting import Deadline, Pending, wait_until

__all__ = ["turn"]

# Every resource of a stack is served by threads of this one process; the engine's lock keeps other processes out.
_guard = threading.Lock()
_turns: dict[tuple[str, str], threading.Lock] = {}


@contextmanager
def turn(owner: str, cluster: str, *, host: str, deadline: Deadline) -> Iterator[None]:
    """Hold the cluster's turn. Not reentrant.

    :param owner: project and stack.
    :param deadline: for the wait until it is this host's turn.
    :raises ClusterError: not in time.
    """
    with _guard:
        lock = _turns.setdefault((owner, cluster), threading.Lock())

    def fail(late: str, seen: str) -> ClusterError:
        return ClusterError(
            late,
            seen=seen,
            next_step="look at the errors of the other managers of this cluster, then run again",
        )

    wait_until(
        f"its turn among the managers of {cluster}",
        lambda: lock.acquire(blocking=False) or Pending("another host is being changed"),
        deadline=deadline,
        fail=fail,
        interval=0.2,
        host=host,
    )
    try:
        yield
    finally:
        lock.release()
