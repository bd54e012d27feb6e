"""The change in a process of its own that is killed (SIGKILL) at one boundary of what it does outside itself."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from metal.bmc.ipmi.account import IpmiAccount, IpmiDoor
from metal.bmc.passwords.change import ensure_password
from metal.bmc.passwords.record import Records
from metal.bmc.pool import BmcPool
from metal.bmc.redfish.account import RedfishAccount, RedfishDoor
from metal.errors import BmcError
from metal.settings.access import BmcAddress
from metal.settings.credentials import Credentials
from tests.unit.metal.bmc.passwords.locking import Bench, limit

__all__ = ["killed_at"]

_STEPS = (
    (Records, "write"),
    (Records, "forget"),
    (IpmiDoor, "login"),
    (IpmiAccount, "ask"),
    (RedfishDoor, "login"),
    (RedfishAccount, "ask"),
)
# A server without threads forks the children: this process has threads, whose locks a child would inherit.
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([__name__])


def killed_at(bench: Bench, boundary: int) -> bool:
    """False where the change ended before it came to the boundary."""
    where = (bench.address.to_dict(), str(bench.folder), dict(bench.secrets))
    child = _processes.Process(target=_change, args=(boundary, *where))
    child.start()
    child.join()
    assert child.exitcode in (0, -signal.SIGKILL)
    return bool(child.exitcode)


def _change(boundary: int, address: dict[str, Any], folder: str, secrets: dict[str, str]) -> None:
    passed_all = _die_at(boundary)
    credentials, records = Credentials.from_config(secrets, {}), Records(Path(folder))
    pool = BmcPool(credentials, sessions=4, per_subnet=4, interval=0, records=records)
    bmc = BmcAddress.from_dict(address)
    with suppress(BmcError):
        ensure_password(pool, credentials, bmc, "new", deadline=limit(bmc))
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
