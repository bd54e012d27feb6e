"""A BMC's user and its password over Redfish (DSP0266, sessions; DSP0268, ManagerAccount)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from metal.bmc.account import Put
from metal.bmc.failure import failure
from metal.bmc.pace import Pace
from metal.bmc.redfish.http import Answer, Garbled, Http, is_sendable
from metal.bmc.redfish.link import ROOT, untrusted
from metal.bmc.redfish.login import session_path
from metal.bmc.redfish.messages import SLOT_MESSAGES, argument_of, describe, names_any
from metal.bmc.redfish.patch import patch
from metal.bmc.redfish.systems import link_to
from metal.bmc.redfish.trust import CertificateRefused
from metal.bmc.redfish.wire import Hangup, Silence
from metal.bmc.rmcp.wire import Unreachable
from metal.errors import BmcFault
from metal.settings.access import BmcAddress
from metal.settings.credentials import BmcLogin
from metal.waiting import Deadline, Run

__all__ = ["RedfishAccount", "RedfishDoor"]

_ANSWER = 15.0
_LOGOUT = 3.0
_PAUSE = 2.0  # seconds before a BMC without a free session is asked again
_MOST_ACCOUNTS = 64
_MUST_CHANGE = frozenset({"PasswordChangeRequired"})
# No answer, or no way to ask.
_LOST = (Silence, Hangup, Garbled, Unreachable, CertificateRefused)


class RedfishDoor:
    """See :class:`metal.bmc.account.Door`. Every login is a session: nothing but it carries a password.

    :param http: makes a connection of its own.
    :param patience: seconds of silence, or of no free session, after which a login is given up.
    """

    def __init__(
        self, address: BmcAddress, http: Callable[[], Http], deadline: Deadline, *, patience: float, pace: Pace
    ) -> None:
        self.address = address
        self.deadline = deadline
        self._new_http = http
        self._patience = patience
        self._pace = pace

    def login(self, profile: str, login: BmcLogin, *, patience: float | None = None) -> RedfishAccount:
        """:raises BmcError: AUTH at the first refusal; NO_SLOT, TIMEOUT when the patience ends; UNREACHABLE,
        CERTIFICATE, PROTOCOL.
        """
        address = replace(self.address, credentials=profile)
        account = RedfishAccount(address, login, self._new_http(), self.deadline, self._pace)
        try:
            account.open(self.deadline.within(self._patience if patience is None else patience))
        except BaseException:
            account.close()
            raise
        return account


class RedfishAccount:
    """See :class:`metal.bmc.account.Account`."""

    def __init__(self, address: BmcAddress, login: BmcLogin, http: Http, deadline: Deadline, pace: Pace) -> None:
        self._address = address
        self._login = login
        self._http = http
        self._deadline = deadline
        self._pace = pace
        self._root: dict[str, Any] = {}
        self._token = ""
        self._session = ""
        self._path = ""

    def open(self, limit: Deadline) -> None:
        """Open the session; a password that is refused is not sent twice."""
        tried: list[str] = []
        fault, seen = BmcFault.TIMEOUT, ""
        while not limit.passed:
            try:
                self._root = self._root or self.ask("GET", ROOT, limit=limit).json()
                sessions = link_to(self._root, "Links", "Sessions") or f"{ROOT}SessionService/Sessions"
                body = {"UserName": self._login.user, "Password": self._login.password}
                answer = self.ask("POST", sessions, body=body, limit=limit)
            except CertificateRefused as refused:
                raise untrusted(self._address, refused) from None
            except Unreachable as error:
                raise failure(
                    self._address, BmcFault.UNREACHABLE, "nothing answers there", tried=tried, seen=str(error)
                ) from None
            except (Silence, Hangup, Garbled) as error:
                # After a lost answer there may be a session whose name was not told; it ends by itself when idle.
                tried.append(f"open a session: {error}")
                raise failure(
                    self._address, BmcFault.TIMEOUT, "no answer to a login", tried=tried, seen=str(error)
                ) from None
            seen = describe(answer, (self._login.password,))
            tried.append(f"open a session: {seen}")
            if answer.ok and is_sendable(token := answer.headers.get("x-auth-token", "")) and token:
                self._token, self._session = token, session_path(answer, sessions)
                return
            fault = self._fault(answer)
            if fault not in (BmcFault.NO_SLOT, BmcFault.TIMEOUT):
                break
            self._deadline.run.pause(min(_PAUSE, max(0.0, limit.remaining)), host=self._address.host)
        words = f"wrong user or password (credential profile '{self._address.credentials}')"
        what = words if fault is BmcFault.AUTH else "gives no session"
        raise failure(self._address, fault, what, tried=tried, seen=seen)

    def _fault(self, answer: Answer) -> BmcFault:
        if names_any(answer, SLOT_MESSAGES):
            return BmcFault.NO_SLOT
        if answer.status in (429, 503):
            return BmcFault.TIMEOUT
        return BmcFault.AUTH if answer.status in (401, 403) else BmcFault.PROTOCOL

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        limit: Deadline | None = None,
    ) -> Answer:
        """Ask in this session and in no other, once.

        :raises Silence: nothing came, as with Hangup and Garbled; it may have been carried out.
        :raises Unreachable: no connection.
        :raises CertificateRefused: nothing was sent.
        """
        self._pace.wait(self._deadline.run, self._address.host)
        own = {"X-Auth-Token": self._token} if self._token else {}
        return self._http.exchange(
            method, path, headers={**(headers or {}), **own}, body=body, limit=limit or self._deadline.within(_ANSWER)
        )

    def request(
        self,
        method: str,
        path: str,
        what: str,
        *,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """:meth:`ask`, as :func:`patch` asks."""
        return self.ask(method, path, body=body, headers=headers)

    def find(self) -> None:
        """The account with the login's name; where the BMC wants another password before all else, the one it names."""
        names: list[str] = []
        try:
            service = self.ask("GET", link_to(self._root, "AccountService") or f"{ROOT}AccountService")
            if names_any(service, _MUST_CHANGE):
                self._path = argument_of(service, _MUST_CHANGE)
            else:
                self._path = self._look_through(service, names)
        except _LOST as error:
            raise failure(
                self._address,
                BmcFault.TIMEOUT,
                "does not tell its users",
                tried=("read AccountService",),
                seen=str(error),
            ) from None
        if not self._path:
            told = ", ".join(names) or describe(service)
            raise failure(
                self._address,
                BmcFault.COMMAND,
                f"not exactly one user is called {self._login.user}, as it tells",
                seen=f"users: {told}",
                next_step="its password was not touched. Set it by the vendor's means, and name its profile in the "
                "inventory",
            )

    def _look_through(self, service: Answer, names: list[str]) -> str:
        collection = link_to(service.json(), "Accounts")
        members = self.ask("GET", collection).json().get("Members") if collection else ()
        found: list[str] = []
        for member in members[:_MOST_ACCOUNTS] if isinstance(members, list) else ():
            path = link_to({"member": member}, "member")
            name = str(self.ask("GET", path).json().get("UserName") or "") if path else ""
            names += [name] if name else []
            found += [path] if name == self._login.user else []
        return found[0] if len(found) == 1 else ""

    def put(self, password: str) -> Put:
        def wanted() -> tuple[Mapping[str, Any], str, str]:
            account = self.ask("GET", self._path)
            return {"Password": password}, self._path, account.headers.get("etag", "")

        try:
            answer = patch(self, "password", wanted, [])
        except _LOST as error:
            return Put(None, str(error))
        # Some BMCs repeat a value that they refuse.
        said = describe(answer, (password, self._login.password))
        return Put(answer.ok, "accepted" if answer.ok else said)

    def keeps(self, password: str) -> bool | None:
        """Never told: the standard has no question for it (`Password` reads null)."""
        return None

    def close(self) -> None:
        token, session = self._token, self._session
        self._token = self._session = ""
        try:
            if token:
                # The run may be cancelled and the deadline over: this is what must be done even then.
                limit = Run(clock=self._deadline.run.clock).deadline(_LOGOUT)
                with suppress(*_LOST):
                    self._http.exchange("DELETE", session, headers={"X-Auth-Token": token}, body=None, limit=limit)
        finally:
            self._http.close()
