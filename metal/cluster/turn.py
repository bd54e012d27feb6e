"""One change of a control plane at a time: the lock that joins, restarts and removals of one cluster share."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from metal.errors import ClusterError
from metal.waiting import Deadline, Pending, wait_until

__all__ = ["turn"]

_guard = threading.Lock()
_locks: dict[tuple[str, str], threading.Lock] = {}


@contextmanager
def turn(layer: str, cluster: str, *, host: str, deadline: Deadline) -> Iterator[None]:
    """Hold the one turn that `layer` ("consul", "stackengine") of `cluster` has in this process.

    :param host: who wants it, for messages.
    :param deadline: for getting it, not for keeping it.
    :raises ClusterError: the others did not finish in time.
    """
    with _guard:
        lock = _locks.setdefault((layer, cluster), threading.Lock())

    def take() -> bool | Pending:
        return lock.acquire(blocking=False) or Pending("another host of the cluster is being changed")

    def fail(late: str, seen: str) -> ClusterError:
        return ClusterError(
            late,
            seen=seen,
            next_step="see what the other hosts of the cluster wait for, then run again",
        )

    what = f"its turn to change {layer} of {cluster}"
    wait_until(what, take, deadline=deadline, fail=fail, interval=0.2, host=host)
    try:
        yield
    finally:
        lock.release()
