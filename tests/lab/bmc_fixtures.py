"""Fixtures of the tests that run real `ipmi_sim` BMCs on 127.0.9.0/24."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.bmc.module import ensure_modules
from metal.bmc import BmcPool
from metal.settings.credentials import BmcLogin
from tests.lab.bmc_simulator import PASSWORD, USER, SimulatedBmc

_last_octet = itertools.count(1)


@dataclass
class OneLogin:
    login: BmcLogin

    def bmc(self, profile: str) -> BmcLogin:
        return self.login


def make_pool(user: str = USER, password: str = PASSWORD, **how: object) -> BmcPool:
    settings: dict[str, object] = {"sessions": 64, "per_subnet": 64, "interval": 0} | how
    return BmcPool(OneLogin(BmcLogin(user, password)), **settings)  # type: ignore[arg-type]


@pytest.fixture
def start_bmc(tmp_path: Path) -> Iterator[Callable[..., SimulatedBmc]]:
    running: list[SimulatedBmc] = []

    def start(**how: object) -> SimulatedBmc:
        ip = f"127.0.9.{next(_last_octet)}"
        folder = tmp_path / ip
        folder.mkdir()
        if how.pop("boot_flags", False):
            how["modules"] = ensure_modules(tmp_path / "cache")
        bmc = SimulatedBmc(folder, ip, **how)  # type: ignore[arg-type]
        running.append(bmc)
        bmc.start()
        return bmc

    yield start
    for bmc in running:
        bmc.stop()
