"""Logins that a BMC refused: none is tried twice in a run, since many BMCs lock an account after three."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from metal.bmc.failure import failure
from metal.bmc.rmcp.wire import Endpoint
from metal.errors import BmcError, BmcFault
from metal.settings.access import BmcAddress
from metal.settings.credentials import BmcLogin

__all__ = ["Refusals"]


class Refusals:
    """What was refused in this process; shared by all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[Endpoint, BmcLogin], BmcError] = {}

    @contextmanager
    def guard(self, endpoint: Endpoint, address: BmcAddress, login: BmcLogin) -> Iterator[None]:
        """Have a block that logs in: not entered with a login that was refused before, and one refused in it is noted.

        :raises BmcError: AUTH, as the first time; nothing is sent.
        """
        with self._lock:
            before = self._known.get((endpoint, login))
        if before is not None:
            raise failure(
                address,
                BmcFault.AUTH,
                f"{_clause(before)}, as it did before in this run; not tried again",
                tried=before.tried,
                seen=before.seen,
                code=before.code,
                next_step=before.next_step,
            )
        try:
            yield
        except BmcError as error:
            if error.fault is BmcFault.AUTH and error.host == address.host:
                with self._lock:
                    self._known[endpoint, login] = error
            raise

    def forget(self, endpoint: Endpoint) -> None:
        """Some login opened a session there: its accounts are in use, and what they take may change."""
        with self._lock:
            for key in [key for key in self._known if key[0] == endpoint]:
                del self._known[key]


def _clause(error: BmcError) -> str:
    """What the error said, without the BMC's name before it."""
    return error.what.partition(": ")[2] or error.what
