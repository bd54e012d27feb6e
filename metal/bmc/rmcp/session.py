"""One RMCP+ session: login, requests, close. Belongs to one thread at a time and shares nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from metal.bmc.failure import failure
from metal.bmc.rmcp import rakp
from metal.bmc.rmcp.frames import FrameRejected, Reply, Request, SessionKeys, decode_reply, encode_request, seal, unseal
from metal.bmc.rmcp.handshake import Handshake, NoAnswer, close_session, resend_times
from metal.bmc.rmcp.rakp import LoginRefused, Privilege, Status
from metal.bmc.rmcp.refusal import refusal
from metal.bmc.rmcp.suites import SUITE_3, SUITE_17, CipherSuite
from metal.bmc.rmcp.wire import Endpoint, UdpWire, Unreachable
from metal.errors import BmcFault
from metal.settings.access import BmcAddress
from metal.settings.credentials import BmcLogin
from metal.waiting import Deadline

__all__ = ["FormerSession", "NoReply", "Session"]

# RAKP messages are never repeated (BMCs dislike it): after this silence the login starts over. Mostly short, which
# suits a network that loses datagrams; every third longer, which suits a BMC that is slow at its arithmetic. Never
# shorter than so many times what the BMC has needed, at its quickest, for the first answer of a login.
_RAKP_WAIT = (0.7, 0.7, 1.5, 0.7, 0.7, 3.0)
_RAKP_TIMES = 2.0
# Some BMCs say nothing at all to a cipher suite that they do not take: after this silence another one is asked for.
_SUITE_WAIT = 4.5
# A request that must not be executed twice is sent once, and this long is waited for its answer.
_ONCE_WAIT = 3.0
_NO_SLOT_PAUSE = 2.0
_FORGOTTEN_PAUSE = 0.2
# Logins that go wrong although the BMC has proven that it knows the password: a datagram came twice, most likely.
_MIXED_UP = 2
_SET_PRIVILEGE = 0x3B
_CLOSED_TO_USER = {0x80, 0x81}
_BUSY = 0xC0
_BUSY_PAUSE = 0.5


class NoReply(Exception):
    """Nothing usable came back in time; what was asked may or may not have been done."""


class _Busy(NoAnswer):
    """The BMC has answered until the end, that it is busy."""


@dataclass(frozen=True)
class FormerSession:
    """One that was closed while the BMC may have been deaf, so that it may still hold a slot there.

    :ivar sequence: of the last frame sent in it.
    """

    keys: SessionKeys
    bmc_id: int
    sequence: int


class Session:
    """A session on one BMC.

    :param endpoint: where `address` resolved to.
    :param deadline: covers login and every request; nothing here outlasts it.
    :param suites: cipher suites in order of preference; the next is tried when the BMC refuses one.
    :param kg: the BMC key, where the BMC has one beside the user's password.
    :param random: source of random bytes; tests pin it.
    :ivar former: sessions that are closed once more when the BMC has answered a login.
    :ivar unanswered: seconds for which a login with a cipher suite, by its number, got no answer at all.
    """

    def __init__(
        self,
        address: BmcAddress,
        login: BmcLogin,
        endpoint: Endpoint,
        deadline: Deadline,
        *,
        suites: Sequence[CipherSuite] = (SUITE_3, SUITE_17),
        kg: bytes | None = None,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._address = address
        self._name = login.user.encode()
        self._password = login.password.encode()
        self._kg = kg
        self._endpoint = endpoint
        self._deadline = deadline
        self._run = deadline.run
        self._suites = tuple(suites)
        self._random = random
        self._tried: list[str] = []
        self._console_id = 0
        self._bmc_id = 0
        self._keys: SessionKeys | None = None
        self._guid = b""
        self._sequence = 0
        self._request_sequence = 0
        self._privilege = Privilege.ADMINISTRATOR
        self._quickest = max(_RAKP_WAIT)
        self._wire: UdpWire | None = None
        self.former: list[FormerSession] = []
        self.unanswered: dict[int, float] = {}

    def __repr__(self) -> str:
        return f"Session({self._address.host}, {self._address.address} port {self._address.port})"

    @property
    def suite(self) -> CipherSuite | None:
        """The cipher suite of the open session."""
        return self._keys.suite if self._keys else None

    @property
    def privilege(self) -> Privilege:
        """The privilege the session has: administrator, or operator where the BMC gives no more."""
        return self._privilege

    @property
    def guid(self) -> bytes:
        """GUID of the managed system as the login told it (RAKP message 2, IPMI 2.0 section 13.21); empty before."""
        return self._guid

    def login(self, *, patience: float) -> None:
        """Open the session.

        :param patience: seconds of silence or of no free slot after which the BMC is given up, within the deadline.
        :raises BmcError: UNREACHABLE at once on a closed port; AUTH, PRIVILEGE, SUITE at the first refusal, never
            retried; NO_SLOT and TIMEOUT when patience or deadline ends.
        :raises Cancelled: the run was cancelled.
        """
        self._check_lengths()
        limit = self._deadline.within(patience)
        try:
            self._wire = UdpWire(self._endpoint, self._run, self._address.host)
            self._login(limit)
        except Unreachable as error:
            self.close()
            tried = [*self._tried, f"open a session, UDP port {self._address.port}"]
            raise failure(
                self._address, BmcFault.UNREACHABLE, "nothing answers there", tried=tried, seen=str(error)
            ) from None
        except BaseException:
            self.close()
            raise

    def _check_lengths(self) -> None:
        for field, value, most in (
            ("user name", self._name, rakp.NAME_BYTES),
            ("password", self._password, rakp.PASSWORD_BYTES),
        ):
            if len(value) > most:
                raise failure(
                    self._address,
                    BmcFault.AUTH,
                    f"{field} of credential profile '{self._address.credentials}' is {len(value)} bytes long; IPMI 2.0 "
                    f"takes at most {most}",
                )

    def _login(self, limit: Deadline) -> None:
        refused_slot: LoginRefused | None = None
        busy = False
        suites = list(self._suites)
        attempt = mixed_up = 0
        while not limit.passed:
            wait = _RAKP_WAIT[attempt % len(_RAKP_WAIT)]
            attempt += 1
            title = f"login {attempt}, suite {suites[0].number}"
            began = self._run.clock()
            try:
                self._attempt(suites[0], limit, wait, _SUITE_WAIT if len(suites) > 1 else None)
                self._set_privilege(limit)
                self._close_former()
                return
            except NoAnswer as error:
                self._tried.append(f"{title}: {error}")
                self._end()
                busy = isinstance(error, _Busy)
                if error.before_suite:
                    suite = suites[0].number
                    self.unanswered[suite] = self.unanswered.get(suite, 0.0) + self._run.clock() - began
                    suites.append(suites.pop(0))
            except LoginRefused as error:
                self._tried.append(f"{title}: {error}")
                self._end()
                if error.status in (Status.NO_RESOURCES, Status.NO_RESOURCES_FOR_ROLE):
                    refused_slot = error
                    self._run.pause(min(_NO_SLOT_PAUSE, max(0.0, limit.remaining)), host=self._address.host)
                elif error.status == Status.INVALID_SESSION:  # the BMC forgot the exchange
                    self._run.pause(_FORGOTTEN_PAUSE, host=self._address.host)
                elif error.mixed_up and mixed_up < _MIXED_UP:
                    mixed_up += 1
                elif (
                    error.status in (Status.INVALID_ROLE, Status.ROLE_REFUSED) and self._privilege > Privilege.OPERATOR
                ):
                    self._privilege = Privilege.OPERATOR
                elif error.message.startswith("Open Session") and len(suites) > 1:
                    suites.pop(0)
                else:
                    raise refusal(self._address, error, self._tried) from None
        if refused_slot:
            raise refusal(self._address, refused_slot, self._tried)
        if busy:
            raise failure(
                self._address,
                BmcFault.TIMEOUT,
                f"takes the login and is busy, for all of {limit}",
                tried=self._tried,
                seen=f"Set Session Privilege Level: completion code {_BUSY:#04x} (node busy)",
                code=_BUSY,
            )
        raise failure(
            self._address,
            BmcFault.TIMEOUT,
            f"no login within {limit}",
            tried=self._tried,
            seen=self._tried[-1] if self._tried else "nothing was sent; the deadline had passed",
        )

    def _attempt(self, suite: CipherSuite, limit: Deadline, wait: float, open_wait: float | None) -> None:
        assert self._wire
        handshake = Handshake(self._wire, suite, self._privilege, self._name, self._password, self._kg, self._random)
        try:
            self._keys = handshake.run(limit, lambda first: self._rakp_wait(wait, first), open_wait=open_wait)
            self._guid = handshake.guid
        except BaseException:
            handshake.abandon()
            raise
        self._console_id, self._bmc_id, self._sequence = handshake.console_id, handshake.bmc_id, 0

    def _rakp_wait(self, least: float, first: float) -> float:
        """:param first: seconds until the first message was answered, what was lost on the way included."""
        self._quickest = min(self._quickest, first)
        return max(least, _RAKP_TIMES * self._quickest)

    def _set_privilege(self, limit: Deadline) -> None:
        while True:
            try:
                reply = self._exchange(Request(0x06, _SET_PRIVILEGE, bytes((self._privilege,))), limit.within(3.0))
            except NoReply:
                raise NoAnswer("no answer to Set Session Privilege Level") from None
            if reply.code == 0:
                return
            self._tried.append(f"Set Session Privilege Level {self._privilege.name.lower()}: code {reply.code:#04x}")
            if reply.code == _BUSY:
                self._run.pause(_BUSY_PAUSE, host=self._address.host)
                if limit.passed:
                    raise _Busy("the BMC is busy")
                continue
            # Some BMCs let the user in as administrator and take it back here (pyghmi does the same second try).
            if reply.code in _CLOSED_TO_USER and self._privilege is Privilege.ADMINISTRATOR:
                self._privilege = Privilege.OPERATOR
                continue
            raise failure(
                self._address,
                BmcFault.PRIVILEGE,
                f"refuses this user the privilege {self._privilege.name.lower()}",
                tried=self._tried,
                code=reply.code,
            )

    def request(self, request: Request, limit: Deadline) -> Reply:
        """Ask and wait for the answer; whatever the completion code, it is returned.

        A request that is not `repeatable` is sent exactly once; others are sent again until `limit`.

        :param limit: within the session's deadline.
        :raises NoReply: nothing came in time; a request sent once may have been carried out.
        :raises Unreachable: the BMC's port is closed by now.
        :raises Cancelled: the run was cancelled.
        """
        if self._keys is None:
            raise NoReply("the session is closed")
        return self._exchange(request, limit)

    def _exchange(self, request: Request, limit: Deadline) -> Reply:
        assert self._wire
        assert self._keys
        sequence = self._request_sequence
        self._request_sequence = (sequence + 1) % 64
        message = encode_request(request, sequence)
        waits = resend_times(limit) if request.repeatable else iter((limit.within(_ONCE_WAIT).at,))
        for until in waits:
            self._wire.send(self._sealed(message))
            for datagram in self._wire.receive(until):
                try:
                    return decode_reply(unseal(self._keys, self._console_id, datagram), request, sequence)
                except FrameRejected:
                    continue
        raise NoReply(f"no answer to {request}")

    def _sealed(self, message: bytes) -> bytes:
        assert self._keys
        self._sequence += 1
        return seal(self._keys, self._bmc_id, self._sequence, message, self._random(16))

    def _end(self) -> None:
        """Close the session; sent once, not awaited, errors ignored."""
        keys, wire = self._keys, self._wire
        if keys and wire:
            with suppress(Unreachable):
                wire.send(self._sealed(encode_request(close_session(self._bmc_id), 0)))
            self.former.append(FormerSession(keys, self._bmc_id, self._sequence))
        self._keys = None

    def _close_former(self) -> None:
        """Likewise, for those of which the BMC may not have heard the end."""
        assert self._wire
        for former in self.former:
            closing = encode_request(close_session(former.bmc_id), 0)
            self._wire.send(seal(former.keys, former.bmc_id, former.sequence + 1, closing, self._random(16)))
        self.former.clear()

    def close(self) -> None:
        """End the session on the BMC and free the socket; may be called again; never raises."""
        self._end()
        if self._wire:
            self._wire.close()
            self._wire = None
