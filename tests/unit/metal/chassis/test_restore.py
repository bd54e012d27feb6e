from __future__ import annotations

import pytest

from metal.bmc.protocol import BootDevice, BootTarget, Power
from metal.bmc.restore import restoring
from metal.chassis.boot import arm_boot, keep_boot
from metal.chassis.restore import read_restore, settle_restore
from metal.errors import BmcError
from metal.settings.fleet import LastingBoot, PowerRestore
from tests.unit.metal.chassis.machine import BMC, Machine, marker, wish

PREVIOUS = wish(power_restore=PowerRestore.PREVIOUS)


def test_a_policy_is_set_once_and_only_where_it_is_asked_for(site, machine) -> None:
    assert settle_restore(site, PREVIOUS) == "previous"
    assert settle_restore(site, PREVIOUS) == "previous"
    assert machine.acts == ["restores previous"]
    assert read_restore(site, PREVIOUS) == "previous"
    machine.silent = True
    for nothing in (wish(), wish(bmc=None, power_restore=PowerRestore.ON)):
        assert settle_restore(site, nothing) is None
        assert read_restore(site, nothing) is None


def test_nothing_is_set_on_a_bmc_that_moved(site, machine) -> None:
    assert settle_restore(site, PREVIOUS, moved=True) == "off"
    machine.restore = None
    assert settle_restore(site, PREVIOUS, moved=True) == "unknown"
    assert machine.acts == []


def test_a_bmc_without_such_a_policy_is_told_in_words() -> None:
    with pytest.raises(BmcError, match="cannot be set over ipmi") as caught:
        restoring(object(), BMC)
    assert "take power_restore out" in str(caught.value)


@pytest.mark.demand("U24", "U29", "H4")
def test_the_lasting_boot_device_is_set_where_nothing_is_installed_and_kept(site, machine: Machine, ledger) -> None:
    machine.power, machine.disk = Power.ON, marker()
    wanted = wish(boot_device=LastingBoot.DISK)
    assert arm_boot(site, wanted, ledger).device == "disk"
    assert machine.device == BootDevice(BootTarget.DISK)
    machine.device = BootDevice(BootTarget.PXE)
    assert keep_boot(site, wanted, 1).device == "disk"
    assert machine.device == BootDevice(BootTarget.DISK)
    assert keep_boot(site, wish(), 1).device == "default"
    assert machine.device == BootDevice(BootTarget.DEFAULT)


@pytest.mark.demand("U24", "U26")
def test_an_install_is_one_boot_also_where_something_else_boots_lastingly(site, machine: Machine, ledger) -> None:
    arm_boot(site, wish(blank=True, boot_device=LastingBoot.DISK), ledger)
    assert machine.device == BootDevice(BootTarget.PXE, once=True)
