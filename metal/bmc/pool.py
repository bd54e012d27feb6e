"""All BMCs of a run: credentials, exclusive use, budgets and pace in one place."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from metal.bmc.account import Door
from metal.bmc.budget import Budget
from metal.bmc.choice import ProtocolChoice
from metal.bmc.failure import failure
from metal.bmc.ipmi.account import IpmiDoor
from metal.bmc.ipmi.bmc import IpmiBmc
from metal.bmc.ipmi.link import IpmiLink
from metal.bmc.pace import Pace
from metal.bmc.passwords.plan import NotedProfile, finish, is_exhausted, profile_now, tried_so_far
from metal.bmc.passwords.record import Records
from metal.bmc.protocol import Bmc
from metal.bmc.redfish.account import RedfishDoor
from metal.bmc.redfish.bmc import RedfishBmc
from metal.bmc.redfish.http import Http
from metal.bmc.redfish.link import RedfishLink
from metal.bmc.redfish.service import Service
from metal.bmc.redfish.trust import Trust
from metal.bmc.refusals import Refusals
from metal.bmc.rmcp.session import Session
from metal.bmc.rmcp.suites import SUITE_3, SUITE_17, CipherSuite
from metal.bmc.rmcp.wire import Endpoint, Unreachable, resolve
from metal.errors import BmcError, BmcFault
from metal.settings.access import BmcAddress, BmcProtocol
from metal.settings.credentials import BmcLogin
from metal.waiting import Deadline

__all__ = ["BmcCredentials", "BmcPool"]

# What says that the protocol itself may be gone from the BMC.
_STOPPED = (BmcFault.TIMEOUT, BmcFault.UNREACHABLE, BmcFault.PROTOCOL)


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
    :param records: which BMCs had their password changed; None where none of them can have.
    :param root: the project's folder, where paths of certificates start; None for the present one.
    :param memory: folder in which to remember what `protocol: auto` has found; None for this run only.
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
        records: Records | None = None,
        root: Path | None = None,
        memory: Path | None = None,
    ) -> None:
        self._credentials = credentials
        self._budget = Budget(sessions=sessions, per_subnet=per_subnet)
        self._patience = patience
        self._interval = interval
        self._suites = tuple(suites)
        self._refusals = Refusals()
        self._records = records
        self._root = root or Path.cwd()
        self._choice = ProtocolChoice(memory)
        self._paces: dict[Endpoint, Pace] = {}
        self._services: dict[Endpoint, Service] = {}
        self._lock = threading.Lock()

    @contextmanager
    def open(self, address: BmcAddress, *, deadline: Deadline) -> Iterator[Bmc]:
        """Have a BMC to oneself, logged in; its session ends with the block, whatever happens in it.

        :param deadline: covers waiting for the turn, login and every call on the BMC.
        :raises BmcError: by fault; each with its cure.
        :raises SettingsError: the credential profile is missing.
        :raises Cancelled: the run was cancelled meanwhile.
        """
        with self._in_use(address, deadline) as used, self._turn(used, deadline):
            spoken = self._choice.settle(used, deadline)
            with self._logged_in(used, spoken, deadline) as bmc:
                yield bmc

    @contextmanager
    def used(self, address: BmcAddress, *, deadline: Deadline) -> Iterator[BmcAddress]:
        """The BMC as :meth:`open` would use it: with the profile that works, and the protocol that it is spoken to by.

        No login is made. While the block lasts, no other run of this checkout changes its password.

        :raises BmcError: AUTH, nobody knows which password it has; UNREACHABLE, `auto` finds no protocol.
        """
        with self._in_use(address, deadline) as used:
            yield self._choice.settle(used, deadline)

    def stands_in(self, address: BmcAddress) -> bool:
        """Whether this run speaks IPMI to a BMC that is known to speak Redfish, which does not answer."""
        return self._choice.stands_in(address)

    @contextmanager
    def _logged_in(self, used: BmcAddress, spoken: BmcAddress, deadline: Deadline) -> Iterator[Bmc]:
        """:param spoken: the address with the protocol that it is asked by."""
        login = self._credentials.bmc(spoken.credentials)
        endpoint = self._endpoint(spoken)
        with self._refusals.guard(endpoint, spoken, login):
            bmc: IpmiBmc | RedfishBmc | None = None
            try:
                bmc = self._connect(spoken, login, deadline)
                bmc.open()
                self._refusals.forget(endpoint)
                yield bmc
            except BmcError as error:
                if error.fault in _STOPPED:
                    self._choice.forget(used)
                raise
            finally:
                if bmc is not None:
                    bmc.close()

    def _connect(self, address: BmcAddress, login: BmcLogin, deadline: Deadline) -> IpmiBmc | RedfishBmc:
        """Nothing is sent yet."""
        endpoint = self._endpoint(address)
        pace = self._pace(endpoint)
        if address.protocol is BmcProtocol.IPMI:
            return IpmiBmc(
                IpmiLink(
                    address,
                    lambda: Session(address, login, endpoint, deadline, suites=self._suites),
                    deadline,
                    patience=self._patience,
                    pace=pace,
                )
            )
        http = self._http(address, endpoint, deadline)
        link = RedfishLink(address, login, http, deadline, patience=self._patience, pace=pace)
        return RedfishBmc(link, self._service(endpoint))

    def _http(self, address: BmcAddress, endpoint: Endpoint, deadline: Deadline) -> Http:
        trust = Trust(address.fingerprint, self._root / address.ca if address.ca else None)
        return Http(endpoint, address.address, address.host, None if address.plain_http else trust, deadline)

    def _endpoint(self, address: BmcAddress) -> Endpoint:
        try:
            return resolve(address.address, address.port)
        except Unreachable as error:
            raise failure(address, BmcFault.UNREACHABLE, "its name is not known", seen=str(error)) from None

    def _service(self, endpoint: Endpoint) -> Service:
        with self._lock:
            return self._services.setdefault(endpoint, Service())

    @contextmanager
    def alone(self, address: BmcAddress, *, deadline: Deadline) -> Iterator[tuple[Door, Records]]:
        """Keep every other run of this checkout off the BMC, to change its password.

        :raises BmcError: TIMEOUT: it is in use.
        """
        if self._records is None:
            raise RuntimeError("this pool keeps no records of passwords")
        with self._records.alone(address, deadline), self._turn(address, deadline):
            spoken = self._choice.settle(address, deadline)
            yield self._door(spoken, self._endpoint(spoken), deadline), self._records

    def _door(self, address: BmcAddress, endpoint: Endpoint, deadline: Deadline) -> Door:
        pace = self._pace(endpoint)
        if address.protocol is BmcProtocol.IPMI:
            return IpmiDoor(
                address,
                lambda named, login: Session(named, login, endpoint, deadline, suites=self._suites),
                deadline,
                patience=self._patience,
                pace=pace,
            )
        return RedfishDoor(
            address, lambda: self._http(address, endpoint, deadline), deadline, patience=self._patience, pace=pace
        )

    @contextmanager
    def _in_use(self, address: BmcAddress, deadline: Deadline) -> Iterator[BmcAddress]:
        """The address with the profile that works, where that is another than the settings name.

        :raises BmcError: AUTH while it may be either of two: nobody guesses.
        """
        with self._records.use(address, deadline) if self._records else nullcontext():
            change = self._records.read(address) if self._records else None
            profile = profile_now(change, address.credentials)
            if change and profile is None:
                once = "finds out which one works, and finishes"
                again = "tries each once more: mind how many wrong passwords lock the account of this BMC"
                raise failure(
                    address,
                    BmcFault.AUTH,
                    f"a change of its password from profile '{change.before}' to '{change.after}' was cut short",
                    seen=tried_so_far(change),
                    next_step=f"{finish(address.host, change)}   ({again if is_exhausted(change) else once})",
                )
            noted = NotedProfile(profile, address.credentials) if profile else ""
            yield replace(address, credentials=noted) if noted and noted != address.credentials else address

    @contextmanager
    def _turn(self, address: BmcAddress, deadline: Deadline) -> Iterator[None]:
        with self._budget.hold(self._endpoint(address), address, deadline):
            yield

    def _pace(self, endpoint: Endpoint) -> Pace:
        with self._lock:
            return self._paces.setdefault(endpoint, Pace(self._interval))
