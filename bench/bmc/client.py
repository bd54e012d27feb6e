"""Our client in a process of its own: one operation on many BMCs; task on standard input, figures on the output."""

from __future__ import annotations

import json
import resource
import sys
import threading
import time
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

__all__ = ["main", "operate"]


def operate(task: dict[str, Any]) -> dict[str, Any]:
    """Read the power of all BMCs, or switch them on, within the pool's limits.

    :param task: `action` (`status` or `on`), `deadline` (seconds), `sessions`, `per_subnet`, `threads`, `login`,
        `grace` (seconds after the deadline at which an operation counts as hung), `bmcs` (name, address, port).
    """
    from metal.bmc import BmcPool
    from metal.errors import MetalError
    from metal.settings.access import BmcAddress, BmcProtocol
    from metal.settings.credentials import Credentials
    from metal.waiting import Run

    credentials = Credentials.from_config({"metalswarm:bmc-rack": task["login"]}, {})
    pool = BmcPool(credentials, sessions=task["sessions"], per_subnet=task["per_subnet"], patience=task["deadline"])
    run = Run()
    ended: dict[str, tuple[float, str]] = {}
    began = time.monotonic()
    deadline = run.deadline(task["deadline"])

    def work(name: str, address: str, port: int) -> None:
        outcome = "no answer"
        try:
            with pool.open(BmcAddress(name, address, port, BmcProtocol.IPMI, "rack"), deadline=deadline) as bmc:
                if task["action"] == "on":
                    bmc.power_on()
                outcome = str(bmc.power())
        except MetalError as error:
            outcome = str(getattr(error, "fault", "error"))
        ended[name] = (time.monotonic() - began, outcome)

    rest = SimpleQueue[Any]()
    for each in task["bmcs"]:
        rest.put(tuple(each))

    def work_off() -> None:
        with suppress(Empty):
            while True:
                work(*rest.get_nowait())

    threads = [threading.Thread(target=work_off, daemon=True) for _ in range(min(task["threads"], len(task["bmcs"])))]
    most = 0
    for thread in threads:
        thread.start()
        most = max(most, threading.active_count())
    limit = began + task["deadline"] + task["grace"]
    for thread in threads:
        thread.join(max(0.0, limit - time.monotonic()))
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "seconds": max((when for when, _ in ended.values()), default=0.0),
        "bmcs": {name: {"seconds": when, "outcome": outcome} for name, (when, outcome) in ended.items()},
        "hung": sum(thread.is_alive() for thread in threads),
        "threads": most,
        "memory": usage.ru_maxrss * 1024,
        "cpu": usage.ru_utime + usage.ru_stime,
    }


def main() -> None:
    task = json.load(sys.stdin)
    json.dump(operate(task), sys.stdout)


if __name__ == "__main__":
    main()
