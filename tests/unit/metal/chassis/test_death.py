"""Reached, or found dead once a run and switched off."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from metal.bmc.protocol import Power
from metal.chassis.death import reach_or_fence
from metal.errors import BmcError, BmcFault, HostError, HostFault
from metal.settings.credentials import Credentials
from metal.site import Death, Deaths, Site
from metal.waiting import Run
from tests.unit.small_fleet import small_fleet

SILENT = HostError("does not answer", fault=HostFault.UNREACHABLE, host="n1", seen="no answer in time")


class Metal:
    """SSH and BMC of every host: what they say, and how often they were asked."""

    def __init__(self) -> None:
        self.ssh, self.bmcs, self.deaths = self, self, Deaths()
        self.error: HostError | None = SILENT
        self.bmc_error: BmcError | None = None
        self.power = Power.ON
        self.asked = 0

    def connect(self, access: Any, *, deadline: Any) -> str:
        self.asked += 1
        if self.error:
            raise self.error
        return "ssh"

    @contextmanager
    def open(self, address: Any, *, deadline: Any):
        if self.bmc_error:
            raise self.bmc_error
        yield self

    def power_off(self, *, soft: float) -> None:
        assert soft == 0
        self.power = Power.OFF


@pytest.fixture
def metal() -> Metal:
    return Metal()


def site(metal: Metal, folder: Path, **facts: Any) -> Site:
    return Site(small_fleet(folder, **facts), Credentials.from_config({}, {}), Run(), metal)  # type: ignore[arg-type]


def test_a_silent_host_is_switched_off_and_waited_for_once(metal: Metal, tmp_path: Path) -> None:
    here = site(metal, tmp_path)
    death = reach_or_fence(here, here.access("n1"))
    assert death == Death("does not answer; its power is off, read back from its BMC", proven=True)
    assert metal.power is Power.OFF
    assert reach_or_fence(here.with_run(Run()), here.access("n1")) is death
    assert metal.asked == 1
    metal.error = None
    here.deaths.forget("n1")
    assert reach_or_fence(here, here.access("n1")) == "ssh", "its next life is asked anew"


@pytest.mark.demand("H7")
@pytest.mark.parametrize("host", ["n1", "n5"])
def test_without_a_bmc_that_obeys_nothing_is_proven(metal: Metal, tmp_path: Path, host: str) -> None:
    metal.bmc_error = BmcError("no answer", fault=BmcFault.TIMEOUT)
    here = site(metal, tmp_path, n5={"bmc": "none"})
    death = reach_or_fence(here, here.access(host))
    assert isinstance(death, Death)
    assert not death.proven
    with pytest.raises(HostError, match="is not left behind unsaid") as left:
        death.check_left(host)
    assert "lost: true" in str(left.value)
    assert metal.power is Power.ON


def test_another_system_is_neither_switched_off_nor_logged_in_to(metal: Metal, tmp_path: Path) -> None:
    metal.error = HostError("host key does not match", fault=HostFault.HOST_KEY, host="n1", seen="ssh-ed25519 SHA256:x")
    here = site(metal, tmp_path)
    death = reach_or_fence(here, here.access("n1"))
    assert isinstance(death, Death)
    assert (death.proven, death.other_system, metal.power) == (False, True, Power.ON)
    death.check_left("n1")


@pytest.mark.parametrize(
    "error",
    [
        HostError("refused", fault=HostFault.AUTH, host="n1"),
        HostError("host key does not match", fault=HostFault.HOST_KEY, host="jump host 10.0.0.9", seen="ssh-ed25519 x"),
        HostError("no", fault=HostFault.UNREACHABLE, host="n1", seen="through jump host 10.0.0.9: no answer in time"),
    ],
)
def test_what_says_nothing_about_the_host_is_an_error(metal: Metal, tmp_path: Path, error: HostError) -> None:
    metal.error = error
    here = site(metal, tmp_path)
    with pytest.raises(HostError):
        reach_or_fence(here, here.access("n1"))
    assert (metal.power, here.deaths.known("n1")) == (Power.ON, None)


@pytest.mark.parametrize("facts", [{"lost": True}, {"hold": "RMA", "evict": True}])
def test_a_host_given_up_is_asked_nothing(metal: Metal, tmp_path: Path, facts: dict[str, Any]) -> None:
    here = site(metal, tmp_path, n1=facts)
    death = reach_or_fence(here, here.access("n1"))
    assert isinstance(death, Death)
    assert death.proven
    assert (metal.asked, metal.power) == (0, Power.ON)
