"""The change in a process of its own that is killed (SIGKILL) at one boundary of what it does outside itself."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from metal.bmc.door import Door
from metal.bmc.passwords.change import ensure_password
from metal.bmc.passwords.record import Records
from metal.bmc.pool import BmcPool
from metal.errors import BmcError
from metal.settings.access import BmcAddress, BmcProtocol
from metal.settings.credentials import Credentials
from metal.waiting import Run
from tests.unit.metal.bmc.passwords.locking import Bench

__all__ = ["killed_at"]

_STEPS = ((Records, "write"), (Records, "forget"), (Door, "login"), (Door, "ask"))
# A server without threads forks the children: this process has threads, whose locks a child would inherit.
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([__name__])


def killed_at(bench: Bench, boundary: int) -> bool:
    """False where the change ended before it came to the boundary."""
    where = (bench.bmc.address, bench.bmc.port, bench.named, str(bench.folder), dict(bench.secrets))
    child = _processes.Process(target=_change, args=(boundary, *where))
    child.start()
    child.join()
    assert child.exitcode in (0, -signal.SIGKILL)
    return bool(child.exitcode)


def _change(boundary: int, address: str, port: int, named: str, folder: str, secrets: dict[str, str]) -> None:
    passed_all = _die_at(boundary)
    credentials, records = Credentials.from_config(secrets, {}), Records(Path(folder))
    pool = BmcPool(credentials, sessions=4, per_subnet=4, interval=0, records=records)
    bmc = BmcAddress("n1", address, port, BmcProtocol.IPMI, named)
    with suppress(BmcError):
        ensure_password(pool, credentials, bmc, "new", deadline=Run().deadline(60))
        passed_all()


def _die_at(boundary: int) -> Callable[[], None]:
    passed = 0

    def pass_one() -> None:
        nonlocal passed
        passed += 1
        if passed == boundary:
            os.kill(os.getpid(), signal.SIGKILL)

    for owner, name in _STEPS:
        real = getattr(owner, name)

        def step(*args: object, _real=real, **kw: object) -> object:
            pass_one()  # before one step is after the one before it
            return _real(*args, **kw)

        setattr(owner, name, step)
    return pass_one
