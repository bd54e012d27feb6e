from __future__ import annotations

import threading
from pathlib import Path

from lab.cache import locked


def test_a_lock_file_may_be_taken_away_by_its_holder_and_still_only_one_holds_it(tmp_path: Path) -> None:
    lock = tmp_path / "folder" / "it.lock"
    waits, held, most = threading.Semaphore(0), [0], [0]

    def hold() -> None:
        with locked(lock, on_wait=waits.release):
            held[0] += 1
            most[0] = max(most[0], held[0])
            threading.Event().wait(0.02)  # long enough for another to come in, if it could
            held[0] -= 1
            lock.unlink()

    others = [threading.Thread(target=hold) for _ in range(4)]
    with locked(lock):
        for other in others:
            other.start()
        for _ in others:
            assert waits.acquire(timeout=20), "all of them wait"
        lock.unlink()
        late = threading.Thread(target=hold)
        late.start()
    for other in [*others, late]:
        other.join(timeout=20)
    assert (most, held) == ([1], [0])
    assert not lock.exists()
