"""One RMCP+ session: login, requests, close. Belongs to one thread at a time and shares nothing."""

from __future__ import annotations

import hmac
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from metal.bmc.failure import failure
from metal.bmc.rmcp import rakp
from metal.bmc.rmcp.frames import (
    FrameRejected,
    Payload,
    Reply,
    Request,
    SessionKeys,
    decode_login,
    decode_reply,
    encode_login,
    encode_request,
    seal,
    unseal,
)
from metal.bmc.rmcp.rakp import Exchange, LoginRefused, Privilege, Status
from metal.bmc.rmcp.refusal import refusal
from metal.bmc.rmcp.suites import SUITE_3, SUITE_17, CipherSuite
from metal.bmc.rmcp.wire import Endpoint, UdpWire, Unreachable
from metal.errors import BmcFault
from metal.settings.access import BmcAddress
from metal.settings.credentials import BmcLogin
from metal.waiting import Deadline

__all__ = ["NoReply", "Session"]

T = TypeVar("T")

# Seconds to wait for an answer before the same question is sent again.
_RESEND = (0.3, 0.6, 1.2, 2.4, 3.0)
# RAKP messages are never repeated (BMCs dislike it): after this silence the login starts over. Mostly short, which
# suits a network that loses datagrams; every third longer, which suits a BMC that is slow at its arithmetic.
_RAKP_WAIT = (0.7, 0.7, 1.5, 0.7, 0.7, 3.0)
# A request that must not be executed twice is sent once, and this long is waited for its answer.
_ONCE_WAIT = 3.0
_NO_SLOT_PAUSE = 2.0
_FORGOTTEN_PAUSE = 0.2
_SET_PRIVILEGE = 0x3B
_CLOSE_SESSION = 0x3C
_CLOSED_TO_USER = {0x80, 0x81}


class NoReply(Exception):
    """Nothing usable came back in time; what was asked may or may not have been done."""


class _StartOver(Exception):
    """This login went nowhere; another may succeed."""


class Session:
    """A session on one BMC.

    :param endpoint: where `address` resolved to.
    :param deadline: covers login and every request; nothing here outlasts it.
    :param suites: cipher suites in order of preference; the next is tried when the BMC refuses one.
    :param kg: the BMC key, where the BMC has one beside the user's password.
    :param random: source of random bytes; tests pin it.
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
        self._tag = 0
        self._console_id = 0
        self._bmc_id = 0
        self._keys: SessionKeys | None = None
        self._is_open = False
        self._sequence = 0
        self._request_sequence = 0
        self._privilege = Privilege.ADMINISTRATOR
        self._wire: UdpWire | None = None

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
            self._wire = UdpWire(self._endpoint, self._run)
            self._login(limit)
        except Unreachable as error:
            self.close()
            raise failure(
                self._address, BmcFault.UNREACHABLE, "nothing answers there", tried=self._tried, seen=str(error)
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
        suites = list(self._suites)
        attempt = 0
        while not limit.passed:
            wait = _RAKP_WAIT[attempt % len(_RAKP_WAIT)]
            attempt += 1
            title = f"login {attempt}, suite {suites[0].number}"
            try:
                self._attempt(suites[0], limit, wait)
                self._set_privilege(limit)
                return
            except _StartOver as error:
                self._tried.append(f"{title}: {error}")
                self._abandon()
            except LoginRefused as error:
                self._tried.append(f"{title}: {error}")
                self._abandon()
                if error.status in (Status.NO_RESOURCES, Status.NO_RESOURCES_FOR_ROLE):
                    refused_slot = error
                    self._run.pause(min(_NO_SLOT_PAUSE, max(0.0, limit.remaining)), host=self._address.host)
                elif error.status == Status.INVALID_SESSION:  # the BMC forgot the exchange
                    self._run.pause(_FORGOTTEN_PAUSE, host=self._address.host)
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
        raise failure(
            self._address,
            BmcFault.TIMEOUT,
            f"no login within {limit.seconds:.0f} s",
            tried=self._tried,
            seen=self._tried[-1] if self._tried else "nothing was sent; the deadline had passed",
        )

    def _attempt(self, suite: CipherSuite, limit: Deadline, wait: float) -> None:
        # New ids and a new tag each time: late answers to an earlier attempt do not match.
        self._console_id = struct.unpack("<I", self._random(4))[0] or 1
        self._tag = self._random(1)[0]
        self._bmc_id, self._keys, self._sequence = 0, None, 0

        opening = rakp.open_request(self._tag, self._console_id, suite)
        self._bmc_id = self._ask_login(
            Payload.OPEN_REQUEST,
            opening,
            lambda answer: rakp.parse_open_response(answer, self._tag, self._console_id, suite),
            self._resends(limit),
        )
        console_random = self._random(rakp.RANDOM_BYTES)
        bmc_random, guid, proof = self._ask_login(
            Payload.RAKP1,
            rakp.rakp1(self._next_tag(), self._bmc_id, console_random, self._privilege, self._name),
            lambda answer: rakp.parse_rakp2(answer, self._tag, self._console_id, suite),
            iter((limit.within(wait).at,)),
        )
        exchange = Exchange(
            suite, self._console_id, self._bmc_id, console_random, bmc_random, guid, self._privilege, self._name
        )
        if not hmac.compare_digest(exchange.bmc_proof(self._password), proof):
            raise LoginRefused("wrong password: the check value of RAKP message 2", Status.INVALID_CHECK_VALUE)
        secret = self._kg or self._password
        keys = exchange.keys(secret)
        try:
            session_proof = self._ask_login(
                Payload.RAKP3,
                rakp.rakp3(self._next_tag(), self._bmc_id, exchange.console_proof(self._password)),
                lambda answer: rakp.parse_rakp4(answer, self._tag, self._console_id, suite),
                iter((limit.within(wait).at,)),
            )
        except BaseException:
            # The BMC may have opened the session although its answer is lost: leave the keys so that it is closed.
            self._keys = keys
            raise
        self._keys, self._is_open = keys, True
        if not hmac.compare_digest(exchange.session_proof(secret), session_proof):
            raise LoginRefused("wrong BMC key: the check value of RAKP message 4", Status.INVALID_CHECK_VALUE)

    def _next_tag(self) -> int:
        self._tag = (self._tag + 1) & 0xFF
        return self._tag

    def _resends(self, limit: Deadline) -> Iterator[float]:
        """Points in time at which the answer to a question that may be repeated is given up and asked for again."""
        index = 0
        while not limit.passed:
            yield limit.within(_RESEND[min(index, len(_RESEND) - 1)]).at
            index += 1

    def _ask_login(self, kind: Payload, payload: bytes, parse: Callable[[bytes], T], waits: Iterator[float]) -> T:
        assert self._wire
        for until in waits:
            self._wire.send(encode_login(kind, payload))
            for datagram in self._wire.receive(until):
                try:
                    answered, answer = decode_login(datagram)
                    if answered == kind + 1:
                        return parse(answer)
                except FrameRejected:
                    continue
        raise _StartOver(f"no answer to {kind.name}")

    def _set_privilege(self, limit: Deadline) -> None:
        while True:
            try:
                reply = self._exchange(Request(0x06, _SET_PRIVILEGE, bytes((self._privilege,))), limit.within(3.0))
            except NoReply:
                raise _StartOver("no answer to Set Session Privilege Level") from None
            if reply.code == 0:
                return
            self._tried.append(f"Set Session Privilege Level {self._privilege.name.lower()}: code {reply.code:#04x}")
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
        waits = self._resends(limit) if request.repeatable else iter((limit.within(_ONCE_WAIT).at,))
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

    def _abandon(self) -> None:
        """Free what the BMC may hold of this attempt; sent once, not awaited, errors ignored."""
        bmc_id, self._bmc_id = self._bmc_id, 0
        keys, self._keys = self._keys, None
        is_open, self._is_open = self._is_open, False
        if not bmc_id or not self._wire:
            return
        try:
            if keys:
                closing = encode_request(Request(0x06, _CLOSE_SESSION, struct.pack("<I", bmc_id)), 0)
                self._sequence += 1
                self._wire.send(seal(keys, bmc_id, self._sequence, closing, self._random(16)))
            if not is_open:  # half open, or open without our knowing: then the close above ends it
                self._wire.send(encode_login(Payload.RAKP3, rakp.rakp3_refusal(self._next_tag(), bmc_id)))
        except Unreachable:
            return

    def close(self) -> None:
        """End the session on the BMC and free the socket; may be called again; never raises."""
        self._abandon()
        if self._wire:
            self._wire.close()
            self._wire = None
