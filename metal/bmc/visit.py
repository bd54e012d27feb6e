"""A closer look at one BMC than its everyday use takes: held once, then logged in to as often and as it takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from metal.bmc.budget import Budget
from metal.bmc.doorstep import Doorstep
from metal.bmc.failure import failure
from metal.bmc.ipmi.bmc import IpmiBmc
from metal.bmc.ipmi.link import IpmiLink
from metal.bmc.pace import Pace
from metal.bmc.pool import BmcCredentials
from metal.bmc.rmcp.rakp import Privilege
from metal.bmc.rmcp.session import Session
from metal.bmc.rmcp.suites import SUITE_3, SUITE_17, CipherSuite
from metal.bmc.rmcp.wire import Endpoint, Unreachable, resolve
from metal.errors import BmcFault
from metal.settings.access import BmcAddress
from metal.waiting import Deadline

__all__ = ["SUITES", "LoggedIn", "Visit", "visit"]

SUITES = (SUITE_3, SUITE_17)
"""What this program logs in with, in its order."""


@dataclass(frozen=True)
class LoggedIn:
    """An open session.

    :ivar suite: number of its cipher suite.
    :ivar seconds: from the first datagram to the privilege.
    :ivar unanswered: those of them for which a login with another suite, by its number, got no answer.
    """

    bmc: IpmiBmc
    link: IpmiLink
    suite: int
    privilege: Privilege
    seconds: float
    unanswered: Mapping[int, float]


class Visit:
    """A BMC that nobody else of this process talks to meanwhile."""

    def __init__(self, address: BmcAddress, endpoint: Endpoint, credentials: BmcCredentials, interval: float) -> None:
        self.address = address
        self._endpoint = endpoint
        self._credentials = credentials
        self._pace = Pace(interval)

    def doorstep(self, deadline: Deadline) -> Doorstep:
        """Questions before a login; a context.

        :raises Unreachable: no way to it.
        """
        return Doorstep(self._endpoint, deadline, self.address.host)

    @contextmanager
    def login(
        self, deadline: Deadline, *, suites: Sequence[CipherSuite] = SUITES, patience: float = 15.0
    ) -> Iterator[LoggedIn]:
        """Log in with the first of these suites that it takes; the session ends with the block.

        :param patience: seconds that the login, and any answer after it, is waited for.
        :raises BmcError: by fault; a refused login is not tried twice.
        :raises SettingsError: the credential profile is missing.
        """
        login = self._credentials.bmc(self.address.credentials)
        sessions: list[Session] = []

        def fresh() -> Session:
            sessions.append(Session(self.address, login, self._endpoint, deadline, suites=suites))
            return sessions[-1]

        link = IpmiLink(self.address, fresh, deadline, patience=patience, pace=self._pace)
        run = deadline.run
        began = run.clock()
        try:
            link.open()
            took = run.clock() - began
            opened = sessions[-1]
            number = opened.suite.number if opened.suite else suites[0].number
            yield LoggedIn(IpmiBmc(link), link, number, opened.privilege, took, dict(opened.unanswered))
        finally:
            link.close()


@contextmanager
def visit(
    address: BmcAddress,
    *,
    credentials: BmcCredentials,
    budget: Budget,
    turn: Deadline,
    interval: float = 0.05,
) -> Iterator[Visit]:
    """Have a BMC to oneself within the budget.

    :param turn: until when its turn is waited for; what is done then has deadlines of its own.
    :param interval: seconds between two commands.
    :raises BmcError: UNREACHABLE for a name that is not known; TIMEOUT when its turn does not come.
    """
    try:
        endpoint = resolve(address.address, address.port)
    except Unreachable as error:
        raise failure(address, BmcFault.UNREACHABLE, "its name is not known", seen=str(error)) from None
    with budget.hold(endpoint, address, turn):
        yield Visit(address, endpoint, credentials, interval)
