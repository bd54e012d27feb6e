"""A BMC's user and its password over IPMI (IPMI 2.0 sections 22.27 to 22.30)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from metal.bmc.account import Put
from metal.bmc.failure import failure
from metal.bmc.ipmi import users
from metal.bmc.ipmi.completion import BUSY, describe
from metal.bmc.pace import Pace
from metal.bmc.rmcp.frames import Reply, Request
from metal.bmc.rmcp.session import NoReply, Session
from metal.bmc.rmcp.wire import Unreachable
from metal.errors import BmcFault
from metal.settings.access import BmcAddress
from metal.settings.credentials import BmcLogin
from metal.waiting import Deadline

__all__ = ["IpmiAccount", "IpmiDoor"]

_ANSWER = 5.0
_BUSY_PAUSE = 0.5


class IpmiDoor:
    """See :class:`metal.bmc.account.Door`.

    :param session: makes a session that is not logged in yet.
    :param patience: seconds of silence after which a login is given up.
    """

    def __init__(
        self,
        address: BmcAddress,
        session: Callable[[BmcAddress, BmcLogin], Session],
        deadline: Deadline,
        *,
        patience: float,
        pace: Pace,
    ) -> None:
        self.address = address
        self.deadline = deadline
        self._new_session = session
        self._patience = patience
        self._pace = pace

    def login(self, profile: str, login: BmcLogin, *, patience: float | None = None) -> IpmiAccount:
        """:raises BmcError: see :meth:`Session.login`."""
        session = self._new_session(replace(self.address, credentials=profile), login)
        session.login(patience=self._patience if patience is None else patience)
        return IpmiAccount(self.address, login, session, self.deadline, self._pace)


class IpmiAccount:
    """See :class:`metal.bmc.account.Account`."""

    def __init__(self, address: BmcAddress, login: BmcLogin, session: Session, deadline: Deadline, pace: Pace) -> None:
        self._address = address
        self._login = login
        self._session = session
        self._deadline = deadline
        self._pace = pace
        self._number = 0

    def ask(self, request: Request) -> Reply:
        """Ask in this session and in no other.

        :raises NoReply: nothing came; it may have been carried out.
        :raises Unreachable: the BMC's port is closed by now.
        """
        limit = self._deadline.within(_ANSWER)
        while True:
            self._pace.wait(self._deadline.run, self._address.host)
            reply = self._session.request(request, limit)
            if reply.code != BUSY or limit.remaining <= _BUSY_PAUSE:
                return reply
            self._deadline.run.pause(_BUSY_PAUSE, host=self._address.host)

    def find(self) -> None:
        """The user of the login's name; of several the one with its password."""
        named = [number for number in self._numbers() if self._name(number) == self._login.user]
        found = named
        if len(named) > 1:
            with suppress(NoReply, Unreachable):
                found = [n for n in named if not self.ask(users.test_password(n, self._login.password)).code]
        if len(found) != 1:
            raise failure(
                self._address,
                BmcFault.COMMAND,
                f"{'several users are' if named else 'no user is'} called {self._login.user}, as it tells",
                seen=f"{len(named)} users of that name, {len(found)} of them with the password of now",
                next_step="its password was not touched. See `ipmitool user list`; if the BMC does not tell its users, "
                "set the password by the vendor's means, and name its profile in the inventory",
            )
        self._number = found[0]

    def put(self, password: str) -> Put:
        try:
            code = self.ask(users.set_password(self._number, password)).code
        except (NoReply, Unreachable) as error:
            return Put(None, str(error))
        return Put(code == 0, describe(code) if code else "accepted")

    def keeps(self, password: str) -> bool | None:
        try:
            code = self.ask(users.test_password(self._number, password)).code
        except (NoReply, Unreachable):
            return None
        if code == 0:
            return True
        return False if code in users.TEST_FAILED else None

    def close(self) -> None:
        self._session.close()

    def _numbers(self) -> range:
        try:
            reply = self.ask(users.GET_USER_ACCESS)
        except (NoReply, Unreachable):
            reply = None
        most = users.decode_user_count(reply.data) if reply and not reply.code and reply.data else users.MOST_USERS
        return range(users.FIRST_USER, most + 1)

    def _name(self, number: int) -> str:
        try:
            reply = self.ask(users.get_user_name(number))
        except (NoReply, Unreachable):
            return ""
        return "" if reply.code else users.decode_user_name(reply.data)
