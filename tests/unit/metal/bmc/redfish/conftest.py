from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.redfish.certificate import Certificate, make_certificate
from lab.redfish.responder import Responder
from lab.redfish.temper import Temper
from metal.bmc import BmcPool
from metal.settings.access import BmcAddress, BmcProtocol
from metal.settings.credentials import BmcLogin
from tests.unit.metal.bmc.conftest import PASSWORD, USER, OneLogin


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("bmc") / "bmc.pem", "127.0.0.1")


@pytest.fixture
def redfish(certificate: Certificate) -> Iterator[Callable[..., Responder]]:
    """Starts small Redfish BMCs; keywords are those of Responder, or of its temper."""
    running: list[Responder] = []

    def start(**how: object) -> Responder:
        own = {name: how.pop(name) for name in list(how) if name in Responder.__dataclass_fields__}
        own.setdefault("certificate", certificate)
        running.append(Responder(USER, PASSWORD, temper=Temper(**how), **own))  # type: ignore[arg-type]
        return running[-1]

    yield start
    for responder in running:
        responder.close()


@pytest.fixture
def at(certificate: Certificate) -> Callable[..., BmcAddress]:
    """The address of a small Redfish BMC, its certificate pinned unless something else is said."""

    def address(responder: Responder, **how: object) -> BmcAddress:
        said: dict[str, object] = (
            {"fingerprint": certificate.fingerprint} if not {"ca", "plain_http"} & set(how) else {}
        )
        return BmcAddress(
            "n1",
            responder.address,
            responder.port,
            BmcProtocol.REDFISH,
            "rack",
            **(said | how),  # type: ignore[arg-type]
        )

    return address


@pytest.fixture
def make_pool(tmp_path: Path) -> Callable[..., BmcPool]:
    def make(user: str = USER, password: str = PASSWORD, **how: object) -> BmcPool:
        settings: dict[str, object] = {"sessions": 8, "per_subnet": 8, "interval": 0, "root": tmp_path} | how
        return BmcPool(OneLogin(BmcLogin(user, password)), **settings)  # type: ignore[arg-type]

    return make
