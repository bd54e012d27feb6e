"""All BMCs of a run: credentials, exclusive use, budgets and pace in one place."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from metal.bmc.budget import Budget
from metal.bmc.failure import failure
from metal.bmc.ipmi.bmc import IpmiBmc
from metal.bmc.ipmi.link import IpmiLink
from metal.bmc.pace import Pace
from metal.bmc.protocol import Bmc
from metal.bmc.rmcp.session import Session
from metal.bmc.rmcp.suites import SUITE_3, SUITE_17, CipherSuite
from metal.bmc.rmcp.wire import Endpoint, Unreachable, resolve
from metal.errors import BmcFault
from metal.settings.access import BmcAddress, BmcProtocol
from metal.settings.credentials import BmcLogin
from metal.waiting import Deadline

__all__ = ["BmcCredentials", "BmcPool"]


class BmcCredentials(Protocol):
    def bmc(self, profile: str) -> BmcLogin: ...


class BmcPool:
    """Opens BMCs; shared by all threads.

    :param sessions: BMCs in use at once.
    :param per_subnet: of those, at most so many in one /24.
    :param patience: seconds a BMC may be silent before it is given up, however late the deadline is. 15 s
        suffices nearly always at a loss of one datagram in five.
    :param interval: seconds between two commands to one BMC.
    :param suites: cipher suites in order of preference.
    """

    def __init__(
        self,
        credentials: BmcCredentials,
        *,
        sessions: int,
        per_subnet: int,
        patience: float = 15.0,
        interval: float = 0.05,
        suites: Sequence[CipherSuite] = (SUITE_3, SUITE_17),
    ) -> None:
        self._credentials = credentials
        self._budget = Budget(sessions=sessions, per_subnet=per_subnet)
        self._patience = patience
        self._interval = interval
        self._suites = tuple(suites)
        self._paces: dict[Endpoint, Pace] = {}
        self._lock = threading.Lock()

    @contextmanager
    def open(self, address: BmcAddress, *, deadline: Deadline) -> Iterator[Bmc]:
        """Have a BMC to oneself, logged in; its session ends with the block, whatever happens in it.

        :param deadline: covers waiting for the turn, login and every call on the BMC.
        :raises BmcError: by fault; each with its cure.
        :raises SettingsError: the credential profile is missing.
        :raises Cancelled: the run was cancelled meanwhile.
        """
        if address.protocol != BmcProtocol.IPMI:
            raise failure(
                address,
                BmcFault.PROTOCOL,
                f"protocol {str(address.protocol)!r} is not built yet",
                next_step="set bmc.protocol of this host to ipmi in the inventory, and enable IPMI over LAN on it",
            )
        login = self._credentials.bmc(address.credentials)
        try:
            endpoint = resolve(address.address, address.port)
        except Unreachable as error:
            raise failure(address, BmcFault.UNREACHABLE, "its name is not known", seen=str(error)) from None
        with self._budget.hold(endpoint, address, deadline):
            link = IpmiLink(
                address,
                lambda: Session(address, login, endpoint, deadline, suites=self._suites),
                deadline,
                patience=self._patience,
                pace=self._pace(endpoint),
            )
            try:
                link.open()
                yield IpmiBmc(link)
            finally:
                link.close()

    def _pace(self, endpoint: Endpoint) -> Pace:
        with self._lock:
            return self._paces.setdefault(endpoint, Pace(self._interval))
