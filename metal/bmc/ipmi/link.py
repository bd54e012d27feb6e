"""Requests to one BMC over as many sessions as it takes: one that restarts forgets them, its caller need not know."""

from __future__ import annotations

from collections.abc import Callable

from metal.bmc.failure import failure
from metal.bmc.ipmi.completion import BUSY
from metal.bmc.pace import Pace
from metal.bmc.rmcp.frames import Reply, Request
from metal.bmc.rmcp.session import FormerSession, NoReply, Session
from metal.bmc.rmcp.wire import Unreachable
from metal.errors import BmcError, BmcFault
from metal.settings.access import BmcAddress
from metal.waiting import Deadline, Limit

__all__ = ["IpmiLink"]

# After this silence the session may be forgotten on the other side: ask again in a new one.
_STALE = 5.0
# An answer that takes so long had to be asked for several times over.
_LATE = 2.0
_BUSY_PAUSE = 0.5
_RESTART_PAUSE = 0.5


class IpmiLink:
    """Holds at most one session at a time.

    :param session: makes a session that is not logged in yet.
    :param deadline: nothing here outlasts it.
    :param patience: seconds of silence after which the BMC is given up, however late the deadline is.
    """

    def __init__(
        self, address: BmcAddress, session: Callable[[], Session], deadline: Deadline, *, patience: float, pace: Pace
    ) -> None:
        self.address = address
        self.deadline = deadline
        self._new_session = session
        self._patience = patience
        self._pace = pace
        self._session: Session | None = None
        self._former: list[FormerSession] = []

    def open(self) -> None:
        """Log in.

        :raises BmcError: see :meth:`Session.login`.
        """
        self._session = self._login(self.deadline.within(self._patience))

    @property
    def guid(self) -> bytes:
        """GUID of the managed system, from the login of the present session; empty without one."""
        return self._session.guid if self._session else b""

    def request(self, request: Request, what: str) -> Reply:
        """Ask and wait; whatever the completion code, the answer is returned.

        A `repeatable` request is asked again, in a new session where the old one is silent. Any other is sent again
        only while the BMC says that it is busy and did nothing: TIMEOUT then means that it may have been carried out.

        :param what: the request in field terms, for errors.
        :raises BmcError: TIMEOUT, UNREACHABLE, or what a login raises.
        """
        limit = self.deadline.within(self._patience)
        tried: list[str] = []
        while not limit.passed:
            session = self._session or self._relogin(limit, tried)
            self._pace.wait(self.deadline.run, self.address.host)
            asked = self.deadline.run.clock()
            try:
                reply = session.request(request, limit.within(_STALE))
            except (NoReply, Unreachable) as error:
                tried.append(f"{what}: {error}")
                self.close()
                self._pace.back_off()
                if not request.repeatable:
                    raise failure(
                        self.address,
                        BmcFault.TIMEOUT,
                        f"no answer to {what}; it may have been carried out",
                        tried=tried,
                        seen=str(error),
                    ) from None
                continue
            if self.deadline.run.clock() - asked > _LATE:
                self._pace.back_off()
            if reply.code != BUSY or limit.remaining <= _BUSY_PAUSE:
                return reply
            tried.append(f"{what}: the BMC is busy")
            self.deadline.run.pause(_BUSY_PAUSE, host=self.address.host)
        seen = tried[-1] if tried else "nothing was sent; the deadline had passed"
        raise failure(self.address, BmcFault.TIMEOUT, f"no answer to {what} within {limit}", tried=tried, seen=seen)

    def _login(self, limit: Deadline) -> Session:
        session = self._new_session()
        session.former.extend(self._former)
        session.login(patience=Limit(max(0.0, limit.remaining), limit.setting))
        return session

    def _relogin(self, limit: Deadline, tried: list[str]) -> Session:
        """A new session on a BMC that answered before: a closed port means that it restarts."""
        while True:
            try:
                self._session = self._login(limit)
                return self._session
            except BmcError as error:
                if error.fault is not BmcFault.UNREACHABLE or limit.remaining <= _RESTART_PAUSE:
                    error.tried = (*tried, *error.tried)
                    raise
                tried.append(f"login: {error.seen}")
            self.deadline.run.pause(_RESTART_PAUSE, host=self.address.host)

    def close(self) -> None:
        """End the session; may be called again; never raises."""
        session, self._session = self._session, None
        if session:
            session.close()
            self._former = list(session.former)
