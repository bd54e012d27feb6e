"""Who we are to a BMC: the password with each of a few requests, a session for many, and the session's end."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from enum import Enum
from urllib.parse import urljoin, urlsplit

from metal.bmc.failure import failure
from metal.bmc.redfish.http import Answer, Garbled, Http, is_path, is_sendable
from metal.bmc.redfish.messages import SLOT_MESSAGES, describe, names_any
from metal.bmc.redfish.trust import CertificateRefused
from metal.bmc.redfish.wire import Hangup, Silence
from metal.bmc.rmcp.wire import Unreachable
from metal.errors import BmcError, BmcFault
from metal.settings.access import BmcAddress
from metal.settings.credentials import BmcLogin
from metal.waiting import Deadline, Run

__all__ = ["SESSIONS", "Authorization", "session_path"]

SESSIONS = "/redfish/v1/SessionService/Sessions"
"""Where a BMC has its sessions that does not name another place."""

# Requests that carry the password themselves, before a session is worth its two extra ones.
_FEW = 2
# Seconds that ending a session may take, whatever is left of the deadline; a BMC that hangs in it fails nothing.
_LOGOUT = 3.0
_UNAUTHORIZED, _FORBIDDEN = 401, 403
_BUSY = (429, 503)


class _Basic(Enum):
    UNTRIED = "untried"
    TAKEN = "taken"
    REFUSED = "refused"


class Authorization:
    """The headers of each request. Holds at most one session; :meth:`close` ends it.

    :param run: for what it tells, and for its clock.
    :param sessions: gives the path of the BMC's collection of sessions, when one is needed.
    """

    def __init__(
        self, address: BmcAddress, login: BmcLogin, http: Http, run: Run, *, sessions: Callable[[], str]
    ) -> None:
        self._address = address
        self._login = login
        self._http = http
        self._run = run
        self._sessions = sessions
        self._full = SLOT_MESSAGES
        self._basic = _Basic.UNTRIED
        self._carried = 0
        self._sessionless = ""
        self._renewed = False
        self._token = ""
        self._session = ""

    def learn(self, full: Iterable[str]) -> None:
        """Take more keys of messages by which this BMC says that no session is free."""
        self._full |= frozenset(full)

    def headers(self, limit: Deadline, tried: list[str]) -> dict[str, str]:
        """For the next request; opens a session where several were asked before it.

        :raises BmcError: AUTH, NO_SLOT, TIMEOUT or PROTOCOL, where Basic authentication is no way around.
        :raises Unreachable: no connection; nothing was sent.
        :raises CertificateRefused: likewise.
        """
        if not self._token and not self._sessionless and (self._carried >= _FEW or self._basic is _Basic.REFUSED):
            self._open(limit, tried)
        if self._token:
            return {"X-Auth-Token": self._token}
        self._carried += 1
        return self._password()

    def accepted(self) -> None:
        """The last request was let in."""
        self._renewed = False
        if not self._token:
            self._basic = _Basic.TAKEN

    def refused(self, answer: Answer, tried: list[str]) -> None:
        """The last request was answered 401: either the next :meth:`headers` are others, or this raises.

        A session that is not known any more is opened anew, once. A password that was refused is not tried again; but
        a BMC that offers no Basic authentication has not judged it.

        :raises BmcError: AUTH.
        """
        if self._token:
            tried.append("the session is not known any more")
            self._end()
            if self._renewed:
                raise self._wrong(answer, tried, "refuses a session that it has just given")
            self._renewed = True
            return
        if self._basic is _Basic.TAKEN or self._sessionless or _offers_basic(answer):
            tried.append(f"the password with the request: {self._describe(answer)}")
            raise self._wrong(answer, tried)
        tried.append("the password with the request: refused, and Basic authentication not offered")
        self._basic = _Basic.REFUSED

    def close(self) -> None:
        """End the session, in a time of its own; may be called again; never raises."""
        if self._token or self._session:
            self._end()

    def _password(self) -> dict[str, str]:
        pair = f"{self._login.user}:{self._login.password}".encode()
        return {"Authorization": "Basic " + base64.b64encode(pair).decode()}

    def _open(self, limit: Deadline, tried: list[str]) -> None:
        body = {"UserName": self._login.user, "Password": self._login.password}
        sessions = self._sessions()
        try:
            answer = self._http.exchange("POST", sessions, headers={}, body=body, limit=limit)
        except (Silence, Hangup, Garbled) as error:
            # There may be a session now whose name was not told: not another one, then.
            tried.append(f"open a session: {error}")
            return self._do_without(BmcFault.TIMEOUT, "gives no session", str(error), tried)
        if answer.ok and (token := answer.headers.get("x-auth-token")):
            self._session = session_path(answer, sessions)
            if is_sendable(token):
                self._token = token
                return None
            self._end()
            tried.append("open a session: its token is no text that a header can hold")
            return self._do_without(BmcFault.PROTOCOL, "gives no session", "a token that cannot be sent", tried)
        seen = self._describe(answer)
        tried.append(f"open a session: {seen}")
        if names_any(answer, self._full):
            return self._do_without(BmcFault.NO_SLOT, "gives no session", seen, tried)
        if answer.status in _BUSY:
            return self._do_without(BmcFault.TIMEOUT, "gives no session", seen, tried)
        if answer.status in (_UNAUTHORIZED, _FORBIDDEN) and self._basic is not _Basic.TAKEN:
            raise self._wrong(answer, tried)
        return self._do_without(BmcFault.PROTOCOL, "gives no session", seen, tried)

    def _do_without(self, fault: BmcFault, what: str, seen: str, tried: list[str]) -> None:
        """Go on with the password in each request, where that is taken."""
        if self._basic is not _Basic.TAKEN:
            raise failure(self._address, fault, what, tried=tried, seen=seen)
        self._sessionless = seen
        self._run.progress(f"{self._address.host}: its BMC gives no session ({seen}); going on without one")

    def _end(self) -> None:
        token, session = self._token, self._session
        self._token = self._session = ""
        # The run may be cancelled and the deadline over: this is what must be done even then.
        limit = Run(clock=self._run.clock).deadline(_LOGOUT)
        ways = [{"X-Auth-Token": token}] if token else []
        if self._basic is not _Basic.REFUSED:
            ways.append(self._password())
        gone, seen = False, "it did not say which one that is"
        try:
            for way in ways if session else ():
                answer = self._http.exchange("DELETE", session, headers=way, body=None, limit=limit)
                gone, seen = answer.ok or answer.status in (404, 410), self._describe(answer)
                if answer.status not in (_UNAUTHORIZED, _FORBIDDEN):
                    break
        except (Unreachable, CertificateRefused, Silence, Hangup, Garbled) as error:
            gone, seen = False, str(error)
        if not gone:
            self._run.progress(
                f"{self._address.host}: its BMC did not end our session ({seen}); it ends by itself when idle"
            )

    def _describe(self, answer: Answer) -> str:
        return describe(answer, secrets=(self._login.password,))

    def _wrong(self, answer: Answer, tried: list[str], what: str = "") -> BmcError:
        return failure(
            self._address,
            BmcFault.AUTH,
            what or f"wrong user or password (credential profile '{self._address.credentials}')",
            tried=tried,
            seen=self._describe(answer),
            code=answer.status,
        )


def _offers_basic(answer: Answer) -> bool:
    return "basic" in answer.headers.get("www-authenticate", "").lower()


def session_path(answer: Answer, sessions: str = SESSIONS) -> str:
    """Where the new session is; empty where the answer does not say it.

    :param sessions: the path that was asked for one. The header may hold a whole URL, a path, or one from here on.
    """
    for named in (answer.headers.get("location"), answer.json().get("@odata.id")):
        try:
            path = urlsplit(urljoin(sessions, named)).path if named and isinstance(named, str) else ""
        except ValueError:
            continue
        if is_path(path):
            return path
    return ""
