"""Requests to one BMC over Redfish: asked again where that does no harm, ended at the deadline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from threading import Event
from typing import Any

from metal.bmc.failure import failure
from metal.bmc.pace import Pace
from metal.bmc.redfish.http import Answer, Garbled, Http, is_path
from metal.bmc.redfish.login import SESSIONS, Authorization
from metal.bmc.redfish.messages import describe, names_any
from metal.bmc.redfish.trust import CertificateRefused
from metal.bmc.redfish.wire import Hangup, Silence
from metal.bmc.rmcp.wire import Unreachable
from metal.errors import BmcError, BmcFault
from metal.settings.access import BmcAddress
from metal.settings.credentials import BmcLogin
from metal.waiting import Deadline

__all__ = ["ROOT", "RedfishLink", "untrusted"]

ROOT = "/redfish/v1/"
_PAUSE = 1.0  # seconds before a busy or restarting BMC is asked again
_LONGEST_PAUSE = 10.0
_BUSY = (429, 503)
_SHOWN = 80
_DIGITS = 9  # of a number of seconds that anybody means


class RedfishLink:
    """One BMC's HTTP, login and patience.

    :param deadline: nothing here outlasts it, but the end of the session by its own short limit, and what is done in
        :meth:`outlasting`.
    :param patience: seconds of silence or of "busy" after which the BMC is given up, however late the deadline is.
    """

    def __init__(
        self, address: BmcAddress, login: BmcLogin, http: Http, deadline: Deadline, *, patience: float, pace: Pace
    ) -> None:
        self.address = address
        self.deadline = deadline
        self.sessions = SESSIONS
        self._http = http
        self._patience = patience
        self._pace = pace
        self._login = Authorization(address, login, http, deadline.run, sessions=lambda: self.sessions)
        self._secrets = (login.password,)
        self._busy: frozenset[str] = frozenset()
        self._reached = False

    def learn(self, *, busy: Iterable[str] = (), full: Iterable[str] = ()) -> None:
        """Take the keys of messages by which this BMC says "not now" and "no session is free"."""
        self._busy |= frozenset(busy)
        self._login.learn(full)

    def get(self, path: str, *, public: bool = False) -> Answer:
        """Read a resource.

        :param public: without a login: the service root, which needs none.
        :raises BmcError: whatever stands in the way, the BMC's own refusal included.
        """
        answer = self.request("GET", path, f"read {path}", public=public)
        if not answer.ok:
            raise self.refusal(answer, f"does not give {path}")
        return answer

    def request(
        self,
        method: str,
        path: str,
        what: str,
        *,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool = True,
        public: bool = False,
    ) -> Answer:
        """Ask and wait; whatever the answer's status, it is returned, but 401 and 403.

        A `repeatable` request is asked again where its answer was lost and while the BMC says that it is busy. Any
        other is carried out at most once: TIMEOUT then means that it may have been.

        :param what: the request in field terms, for errors.
        :raises BmcError: TIMEOUT, UNREACHABLE, CERTIFICATE, AUTH, PRIVILEGE, NO_SLOT, PROTOCOL.
        """
        if not is_path(path):
            raise failure(
                self.address,
                BmcFault.PROTOCOL,
                "names a resource by what is no path",
                tried=(ascii(what)[1:-1][:_SHOWN],),
                seen=ascii(path)[:_SHOWN],
            )
        limit = self.deadline.within(self._patience)
        tried: list[str] = []
        busy: int | None = None
        while not limit.passed:
            self._pace.wait(self.deadline.run, self.address.host)
            try:
                own = {} if public else self._login.headers(limit, tried)
                answer = self._http.exchange(method, path, headers={**(headers or {}), **own}, body=body, limit=limit)
            except CertificateRefused as refused:
                raise untrusted(self.address, refused) from None
            except Unreachable as error:
                tried.append(f"connect: {error}")
                if not self._reached:
                    raise failure(
                        self.address, BmcFault.UNREACHABLE, "nothing answers there", tried=tried, seen=str(error)
                    ) from None
                self._wait(_PAUSE, limit)  # it answered before, so it restarts
                continue
            except (Silence, Hangup, Garbled) as error:
                tried.append(f"{what}: {error}")
                busy = None
                if not repeatable:
                    raise self._unanswered(what, tried, "; it may have been carried out") from None
                if isinstance(error, Garbled):
                    raise failure(
                        self.address, BmcFault.PROTOCOL, "does not speak Redfish", tried=tried, seen=str(error)
                    ) from None
                self._wait(_PAUSE, limit)
                continue
            self._reached = True
            if answer.status == 401 and public:
                public = False  # the standard asks for no login there, and this BMC does
                continue
            if answer.status == 401:
                self._login.refused(answer, tried)
                continue
            if not public and answer.status < 500 and answer.status not in _BUSY:
                self._login.accepted()
            if answer.status == 403:
                raise self.refusal(answer, f"refuses to {what}", BmcFault.PRIVILEGE)
            if repeatable and self._is_busy(answer) and limit.remaining > _PAUSE:
                tried.append(f"{what}: {describe(answer, self._secrets)}")
                busy = answer.status if answer.status in _BUSY else None
                self._wait(_pause_of(answer), limit)
                continue
            return answer
        raise self._unanswered(what, tried, f" within {limit}", busy)

    @contextmanager
    def outlasting(self, seconds: float) -> Iterator[None]:
        """For what must be done whatever has become of the run: the block has a deadline of its own, and no cancel."""
        kept, self.deadline = self.deadline, replace(self.deadline.run, cancel=Event()).deadline(seconds)
        try:
            yield
        finally:
            self.deadline = kept

    def refusal(self, answer: Answer, what: str, fault: BmcFault = BmcFault.COMMAND) -> BmcError:
        """The error for an answer that says no."""
        if answer.status in _BUSY:
            fault = BmcFault.TIMEOUT
        return failure(self.address, fault, what, seen=describe(answer, self._secrets), code=answer.status)

    def _is_busy(self, answer: Answer) -> bool:
        return answer.status in _BUSY or (not answer.ok and names_any(answer, self._busy))

    def _wait(self, seconds: float, limit: Deadline) -> None:
        self.deadline.run.pause(min(seconds, max(0.0, limit.remaining)), host=self.address.host)

    def _unanswered(self, what: str, tried: list[str], how: str, busy: int | None = None) -> BmcError:
        """:param busy: the last answer's status, where the BMC did answer, that it is busy."""
        seen = tried[-1] if tried else "nothing was sent; the deadline had passed"
        words = f"is busy: no other answer to {what}{how}" if busy else f"no answer to {what}{how}"
        return failure(self.address, BmcFault.TIMEOUT, words, tried=tried, seen=seen, code=busy)

    def close(self) -> None:
        """End session and connection; may be called again; never raises."""
        try:
            self._login.close()
        finally:
            self._http.close()


def untrusted(address: BmcAddress, refused: CertificateRefused) -> BmcError:
    """The error for a certificate that is not the one; nothing was sent."""
    seen = f"fingerprint {refused.seen}" if refused.seen else "no certificate"
    if refused.pinned:
        seen += f", pinned {refused.pinned}"
    return failure(address, BmcFault.CERTIFICATE, refused.reason, tried=("TLS handshake",), seen=seen)


def _pause_of(answer: Answer) -> float:
    """As the BMC asks for by Retry-After, within reason."""
    asked = answer.headers.get("retry-after", "").strip()
    if not (asked.isascii() and asked.isdigit()):
        return _PAUSE
    seconds = float(asked) if len(asked) <= _DIGITS else _LONGEST_PAUSE
    return min(seconds, _LONGEST_PAUSE) or _PAUSE
