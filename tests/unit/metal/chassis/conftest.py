"""A site whose only machine is in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from metal.chassis import boot, power
from metal.chassis.ledger import Ledger
from metal.settings.credentials import Credentials
from metal.settings.fleet import Deadlines, DockerWish, Fleet, Limits, ReadyFloors
from metal.site import Site
from metal.waiting import Run
from tests.unit.metal.chassis.machine import OWNER, Machine, Pools


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    for module in (boot, power):
        monkeypatch.setattr(module, "observe_marker", lambda site, access: machine.shows())
    return machine


@pytest.fixture
def site(machine: Machine) -> Site:
    fleet = Fleet(
        OWNER, {}, {}, Limits(), Deadlines(boot=0.1, probe=0.1), ReadyFloors(), DockerWish(), None, unmanaged={}
    )
    return Site(fleet, Credentials.from_config({}, {}), Run(), Pools(machine))


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path)
