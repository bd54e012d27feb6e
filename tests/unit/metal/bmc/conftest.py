from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from lab.bmc.responder import Responder, Temper
from metal.bmc import BmcPool
from metal.settings.access import BmcAddress, BmcProtocol
from metal.settings.credentials import BmcLogin

USER, PASSWORD = "admin", "s3cret-of-test"


@dataclass
class OneLogin:
    login: BmcLogin

    def bmc(self, profile: str) -> BmcLogin:
        return self.login


def address_of(responder: Responder) -> BmcAddress:
    return BmcAddress("n1", responder.address, responder.port, BmcProtocol.IPMI, "rack")


@pytest.fixture
def start() -> Iterator[Callable[..., Responder]]:
    """Starts small BMCs with the given temper."""
    running: list[Responder] = []

    def _start(**temper: object) -> Responder:
        running.append(Responder(USER, PASSWORD, Temper(**temper)))  # type: ignore[arg-type]
        return running[-1]

    yield _start
    for responder in running:
        responder.close()


@pytest.fixture
def pool() -> BmcPool:
    return BmcPool(OneLogin(BmcLogin(USER, PASSWORD)), sessions=8, per_subnet=8, interval=0)
