"""The world that outlives every process, and the boundary at which one of them is killed."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["change", "look", "step"]

_HERE = Path(os.environ.get("FAKE_METAL", "."))
_lock = threading.RLock()


def look() -> dict[str, Any]:
    """The world as it is."""
    with _lock:
        try:
            found: dict[str, Any] = json.loads((_HERE / "world.json").read_text())
        except FileNotFoundError:
            return {"hosts": {}, "record": None, "nodes": {}, "consul": [], "ring": [], "births": 0}
        return found


@contextmanager
def change(host: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The world and one of its hosts, to be changed; whole at the end of the block."""
    with _lock:
        world = look()
        bare = {"power": "off", "target": "default", "once": False, "disk": None, "installs": 0, "joins": 0, "acts": []}
        yield world, world["hosts"].setdefault(host, bare)
        fresh = _HERE / "world.new"
        fresh.write_text(json.dumps(world, indent=1))
        fresh.replace(_HERE / "world.json")


def step(host: str, name: str) -> None:
    """A boundary: what came before it is done, what comes after it is not.

    The boundary and the victim come from the environment. A killed engine takes this process with it, so the operation
    does not go on; after a killed program it does.
    """
    with _lock, (_HERE / "steps").open("a") as steps:
        steps.write(f"{host} {name}\n")
        steps.flush()
        reached = _HERE / "reached"
        if os.environ.get("KILL_AT") != f"{host} {name}" or reached.exists():
            return
        reached.write_text(str(os.getpid()))
    victim = os.environ["KILL"]
    if victim == "program":
        os.kill(int((_HERE / "program").read_text()), signal.SIGKILL)
        return
    os.kill(os.getpid() if victim == "server" else os.getppid(), signal.SIGKILL)
    threading.Event().wait()
