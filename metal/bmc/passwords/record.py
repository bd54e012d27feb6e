"""What this workstation knows of a BMC's password that was changed: names of credential profiles, never a secret."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from metal.bmc.failure import failure
from metal.errors import BmcFault, MetalError
from metal.ledger_access import needed, reason
from metal.settings.access import BmcAddress
from metal.waiting import Deadline, Pending, wait_until

__all__ = ["Change", "Phase", "Records"]

_LOOK_AGAIN = 0.2


class Phase(StrEnum):
    CHANGING = "changing"
    CHANGED = "changed"


@dataclass(frozen=True)
class Change:
    """One BMC's password on its way from one profile's to another's.

    :ivar at: address and port of the BMC.
    :ivar before: while changing, the profile that worked; once changed, the one that the settings named.
    :ivar after: the profile whose password was, or was to be, set.
    :ivar phase: CHANGING: the BMC keeps one of the two. CHANGED: that of `after`, as a login showed.
    :ivar kept: the BMC has accepted the one of `after` and does not say that it keeps another; no login has shown it
        yet.
    :ivar tried: profiles of the logins that were begun meanwhile and that nobody has heard a yes to, in order.
    :ivar refused: those of them that the BMC has said no to.
    :ivar since: UTC, ISO 8601.
    """

    at: str
    before: str
    after: str
    phase: Phase
    kept: bool = False
    tried: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    since: str = ""


class Records:
    """A folder with one small file (mode 0600) for each BMC whose password was changed and whose settings lag behind.

    Beside it, one lock a BMC: shared by all who use it, in whatever process; held alone by a change.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, address: BmcAddress) -> Change | None:
        """The record that concerns this BMC; one of another address is no longer true of the host."""
        path = self._path(address.host)
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._shut(address.host, error, path) from None
        try:
            data = json.loads(text)
            lists = {key: tuple(data[key]) for key in ("tried", "refused")}
            change = Change(**{**data, "phase": Phase(data["phase"]), **lists})
        except (ValueError, KeyError, TypeError):
            raise MetalError(
                "the local record of a change of its BMC's password cannot be read",
                host=address.host,
                seen=text[:80],
                next_step=f"look at {path}; delete it once you know which credential profile works",
            ) from None
        return change if change.at == spell(address) else None

    def write(self, address: BmcAddress, change: Change) -> None:
        """On the disk when this returns; at once or not at all."""
        path = self._path(address.host)
        fresh = path.with_suffix(f".{os.getpid()}")
        with open(os.open(self._made(fresh), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(json.dumps(asdict(change)) + "\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        self._flush_folder()

    def forget(self, host: str) -> None:
        path = self._path(host)
        if path.exists():
            path.unlink()
            self._flush_folder()

    @contextmanager
    def use(self, address: BmcAddress, deadline: Deadline) -> Iterator[None]:
        """Use the BMC beside others who do.

        :raises BmcError: TIMEOUT while its password is being changed.
        """
        with self._locked(address, deadline, fcntl.LOCK_SH, "its password is being changed by another run"):
            yield

    @contextmanager
    def alone(self, address: BmcAddress, deadline: Deadline) -> Iterator[None]:
        """Keep every other process of this checkout off the BMC.

        :raises BmcError: TIMEOUT while others use it.
        """
        with self._locked(address, deadline, fcntl.LOCK_EX, "it is in use by another run"):
            yield

    @contextmanager
    def _locked(self, address: BmcAddress, deadline: Deadline, kind: int, reason: str) -> Iterator[None]:
        path = self._path(address.host, ".lock")
        try:
            opened = os.open(self._made(path), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._shut(address.host, error, path) from None
        with open(opened) as lock:

            def take() -> bool | Pending:
                try:
                    fcntl.flock(lock, kind | fcntl.LOCK_NB)
                except BlockingIOError:
                    return Pending(reason)
                return True

            wait_until(
                "its BMC is free",
                take,
                deadline=deadline,
                fail=lambda late, seen: failure(
                    address, BmcFault.TIMEOUT, late, seen=seen, next_step="wait for the other run, then run again"
                ),
                interval=_LOOK_AGAIN,
                host=address.host,
            )
            yield  # closing the file frees the lock

    def _shut(self, host: str, error: OSError, path: Path) -> MetalError:
        return MetalError(
            "the local record of its BMC's password cannot be used, so that nobody logs in to it",
            host=host,
            seen=reason(error, path),
            next_step=needed(path),
        )

    def _path(self, host: str, suffix: str = ".json") -> Path:
        return self._folder / f"{host}{suffix}"

    def _made(self, path: Path) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        return path

    def _flush_folder(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def spell(address: BmcAddress) -> str:
    return f"{address.address} port {address.port}"
