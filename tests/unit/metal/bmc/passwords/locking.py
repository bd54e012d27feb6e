"""Small BMCs that lock their account for good after three wrong passwords in a row, and count them."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from lab.bmc.responder import Responder, Temper
from lab.redfish.certificate import make_certificate
from lab.redfish.responder import Responder as RedfishResponder
from lab.redfish.server import Reply, Request
from lab.redfish.temper import Temper as RedfishTemper
from metal.bmc import BmcPool
from metal.bmc.passwords.record import Records
from metal.settings.access import BmcAddress, BmcProtocol
from metal.settings.credentials import Credentials
from metal.waiting import Deadline, Run
from tests.waiting import hurried

T = TypeVar("T")
USER, OLD, NEW = "ADMIN", "old-password", "new-password"
_PAYLOAD, _STATUS, _RAKP1, _RAKP3 = 5, 17, 0x12, 0x14
_LOCKED_AFTER = 3
# Outside of any session: a command that it does not know, which is answered all the same.
_QUESTION = bytes.fromhex("0600ff07 00 00000000 00000000 07 20 18c8 81 00 01 7e")


class LockingBmc(Responder):
    def __init__(self, password: str = OLD, *, user: str = USER) -> None:
        self._wrong = self._in_a_row = 0
        # A real one ends an idle session after a minute; those of a killed process stay here.
        super().__init__(user, password, Temper(slots=64))

    @property
    def wrong(self) -> int:
        self._catch_up()
        return self._wrong

    @property
    def locked(self) -> bool:
        self._catch_up()
        return self._in_a_row >= _LOCKED_AFTER

    def end_lock_out(self) -> None:
        self._catch_up()
        self._in_a_row = 0

    def _catch_up(self) -> None:
        """Have everything answered that was sent before: a client does not await the end of a refused login."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(60)
            client.connect((self.address, self.port))
            client.send(_QUESTION)
            client.recv(64)

    @property
    def password(self) -> str:
        return self._logins.password.decode()

    def _respond(self, datagram: bytes) -> list[bytes]:
        kind = datagram[_PAYLOAD] if len(datagram) > _STATUS and datagram[4] else None
        if kind == _RAKP1 and self._in_a_row >= _LOCKED_AFTER:
            return self._with_another_password(datagram)
        answers = super()._respond(datagram)
        if kind == _RAKP3:
            if datagram[_STATUS] == 0x0F:  # the client has seen that it has another password
                self._wrong += 1
                self._in_a_row += 1
            elif answers and answers[0][_STATUS] == 0:
                self._in_a_row = 0
        return answers

    def _with_another_password(self, datagram: bytes) -> list[bytes]:
        kept, self._logins.password = self._logins.password, os.urandom(12)
        try:
            return super()._respond(datagram)
        finally:
            self._logins.password = kept


class LockingRedfish(RedfishResponder):
    """Looks at the password only where it is open to logins, as a locked account's is refused whatever it is."""

    def __init__(self, folder: Path, password: str = OLD, *, user: str = USER) -> None:
        self._in_a_row = 0
        folder.mkdir(parents=True, exist_ok=True)
        certificate = make_certificate(folder / "bmc.pem", "127.0.0.1")
        super().__init__(user, password, temper=RedfishTemper(slots=64), certificate=certificate)

    @property
    def wrong(self) -> int:
        return self.bad_logins

    @property
    def locked(self) -> bool:
        return self._in_a_row >= _LOCKED_AFTER

    def end_lock_out(self) -> None:
        self._in_a_row = 0

    def count_one_more(self) -> None:
        """A wrong one that came before."""
        self._in_a_row += 1

    def set_password(self, password: str) -> None:
        self.password = password

    def _log_in(self, request: Request) -> Reply:
        if self.locked:
            request = Request(request.method, request.path, request.headers, {})
        return self._counted(super()._log_in, request)

    def _admitted(self, request: Request) -> str | None:
        if self.locked and "authorization" in request.headers:
            return None
        return self._counted(super()._admitted, request)

    def _counted(self, ask: Callable[[Request], T], request: Request) -> T:
        before, sessions = self.bad_logins, self.logins
        done = ask(request)
        if self.bad_logins > before:
            self._in_a_row += 1
        elif self.logins > sessions or done == "basic":
            self._in_a_row = 0
        return done


def limit(address: BmcAddress) -> Deadline:
    """For one change. A BMC over Redfish cannot say what it keeps, so that a moment of the clock passes in each."""
    return (Run() if address.protocol is BmcProtocol.IPMI else hurried(4)).deadline(240)


@dataclass
class Bench:
    """One BMC, the records beside it, and the secrets of three profiles."""

    bmc: LockingBmc | LockingRedfish
    folder: Path
    secrets: dict[str, str] = field(
        default_factory=lambda: {
            "metalswarm:bmc-old": f"{USER}:{OLD}",
            "metalswarm:bmc-new": f"{USER}:{NEW}",
            "metalswarm:bmc-third": f"{USER}:third-password",
        }
    )
    named: str = "old"
    patience: float = 20

    @property
    def credentials(self) -> Credentials:
        return Credentials.from_config(self.secrets, {})

    @property
    def records(self) -> Records:
        return Records(self.folder)

    @property
    def pool(self) -> BmcPool:
        return BmcPool(
            self.credentials, sessions=4, per_subnet=4, interval=0, patience=self.patience, records=self.records
        )

    @property
    def address(self) -> BmcAddress:
        address = BmcAddress("n1", self.bmc.address, self.bmc.port, BmcProtocol.IPMI, self.named)
        if isinstance(self.bmc, LockingBmc):
            return address
        assert self.bmc.certificate
        return replace(address, protocol=BmcProtocol.REDFISH, fingerprint=self.bmc.certificate.fingerprint)

    def change(self, wanted: str = "new", *, again: bool = False) -> bool:
        from metal.bmc.passwords.change import ensure_password

        return ensure_password(
            self.pool, self.credentials, self.address, wanted, deadline=limit(self.address), again=again
        )

    def power(self) -> str:
        """What any other use of the BMC sees."""
        with self.pool.open(self.address, deadline=Run().deadline(60)) as bmc:
            return str(bmc.power())
