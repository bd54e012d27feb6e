from __future__ import annotations

import pytest

from metal.bmc.protocol import BootDevice, BootTarget, Power
from metal.chassis.ledger import Entry
from metal.chassis.power import reach_power, read_power, release_power
from metal.errors import BmcError, HostError, HostFault
from metal.plan.boot import MarkerSight
from metal.settings.fleet import OnLeave, PowerWish
from tests.unit.metal.chassis.machine import BMC, marker, wish

PXE_ONCE = BootDevice(BootTarget.PXE, once=True)


@pytest.mark.demand("H6")
@pytest.mark.parametrize(
    ("now", "armed", "wanted", "acts", "ends"),
    [
        (Power.OFF, False, PowerWish.ON, ["on"], Power.ON),
        (Power.ON, False, PowerWish.ON, [], Power.ON),
        (Power.OFF, True, PowerWish.ON, ["on", "installs"], Power.ON),
        (Power.ON, True, PowerWish.ON, ["cycle", "installs"], Power.ON),
        (Power.ON, False, PowerWish.OFF, ["soft off"], Power.OFF),
        (Power.OFF, False, PowerWish.OFF, [], Power.OFF),
        (Power.ON, True, PowerWish.OFF, ["cycle", "installs", "soft off"], Power.OFF),
    ],
)
def test_power_goes_where_the_life_wants_it(site, machine, ledger, now, armed, wanted, acts, ends) -> None:
    machine.power, machine.disk = now, marker()
    if armed:
        machine.device = PXE_ONCE
    assert reach_power(site, wish(power=wanted), ledger) == wanted.value
    assert (machine.acts, machine.power) == (acts, ends)
    machine.acts.clear()
    assert reach_power(site, wish(power=wanted), ledger) == wanted.value
    assert machine.acts == [], "run again, it changes nothing"


def test_an_install_on_the_way_to_off_is_remembered_as_nothing_else_can_tell(site, machine, ledger) -> None:
    machine.power, machine.disk, machine.device = Power.ON, marker(wipe=True), PXE_ONCE
    reach_power(site, wish(power=PowerWish.OFF), ledger)
    assert ledger.read("n1") == Entry(1)


def test_an_install_on_the_way_to_off_that_does_not_come_up_is_an_error(site, machine, ledger) -> None:
    machine.power, machine.disk, machine.device, machine.obeys_pxe = Power.ON, marker(), PXE_ONCE, False
    with pytest.raises(HostError, match="the freshly installed system answers") as caught:
        reach_power(site, wish(power=PowerWish.OFF), ledger)
    assert caught.value.fault is HostFault.TIMEOUT
    assert "the old life g1" in str(caught.value)
    assert ledger.read("n1") is None


def test_a_host_without_a_bmc_is_never_switched(site, ledger, machine) -> None:
    machine.silent = True
    assert reach_power(site, wish(bmc=None), ledger) == "on"
    release_power(site, wish(bmc=None), OnLeave.OFF)


@pytest.mark.parametrize(
    ("what", "acts"),
    [(OnLeave.KEEP, []), (OnLeave.OFF, ["soft off"]), (OnLeave.REINSTALL, ["cycle", "installs"])],
)
def test_a_host_is_given_back_as_the_settings_say(site, machine, what, acts) -> None:
    machine.power, machine.disk = Power.ON, marker()
    release_power(site, wish(), what)
    assert machine.acts == acts
    if what is OnLeave.REINSTALL:
        assert machine.disk is MarkerSight.ABSENT


@pytest.mark.demand("U18")
def test_giving_back_a_host_with_a_silent_bmc_fails_unless_it_is_lost(site, machine) -> None:
    machine.silent = True
    with pytest.raises(BmcError):
        release_power(site, wish(), OnLeave.OFF)
    release_power(site, wish(), OnLeave.KEEP)
    release_power(site, wish(lost=True), OnLeave.OFF)


def test_power_is_read_as_the_bmc_says(site, machine) -> None:
    assert read_power(site, BMC) == "off"
    machine.power = Power.ON
    assert read_power(site, BMC) == "on"
