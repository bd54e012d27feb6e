"""One BMC held over several logins, each with a password of its own: what a change of the password needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from metal.bmc.ipmi.completion import BUSY
from metal.bmc.pace import Pace
from metal.bmc.rmcp.frames import Reply, Request
from metal.bmc.rmcp.session import Session
from metal.settings.access import BmcAddress
from metal.settings.credentials import BmcLogin
from metal.waiting import Deadline

__all__ = ["Door"]

_ANSWER = 5.0
_BUSY_PAUSE = 0.5


class Door:
    """Made by the pool; used by one thread.

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

    def login(self, profile: str, login: BmcLogin, *, patience: float | None = None) -> Session:
        """An open session; the caller closes it.

        :param profile: whose login that is, for errors.
        :raises BmcError: see :meth:`Session.login`.
        """
        session = self._new_session(replace(self.address, credentials=profile), login)
        session.login(patience=self._patience if patience is None else patience)
        return session

    def ask(self, session: Session, request: Request) -> Reply:
        """Ask in this session and in no other: the password may be another one by now.

        :raises NoReply: nothing came; it may have been carried out.
        :raises Unreachable: the BMC's port is closed by now.
        """
        limit = self.deadline.within(_ANSWER)
        while True:
            self._pace.wait(self.deadline.run, self.address.host)
            reply = session.request(request, limit)
            if reply.code != BUSY or limit.remaining <= _BUSY_PAUSE:
                return reply
            self.deadline.run.pause(_BUSY_PAUSE, host=self.address.host)
