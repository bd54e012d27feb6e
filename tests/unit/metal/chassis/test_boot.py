from __future__ import annotations

import pytest

from metal.bmc.protocol import BootDevice, BootTarget, Power
from metal.chassis.boot import BootReport, arm_boot, boot_again, disarm_boot, keep_boot, lasting_device
from metal.chassis.ledger import Entry
from metal.chassis.power import reach_power
from metal.errors import BmcError, HostError, HostFault
from metal.host.marker import MarkerState
from metal.plan.boot import MarkerSight
from metal.settings.fleet import PowerWish
from tests.unit.metal.chassis.machine import BMC, GUID, marker, wish

PXE_ONCE = BootDevice(BootTarget.PXE, once=True)
DEFAULT = BootDevice(BootTarget.DEFAULT)


def test_a_blank_host_is_armed_and_left_off(site, machine, ledger) -> None:
    assert arm_boot(site, wish(blank=True), ledger) == BootReport("default", 1, GUID)
    assert (machine.device, machine.power, machine.acts) == (PXE_ONCE, Power.OFF, [])
    assert ledger.read("n1") == Entry(0, armed="g1")
    assert arm_boot(site, wish(blank=True), ledger) == BootReport("default", 1, GUID), "after a crash: armed again"


def test_a_running_host_of_ours_is_left_alone(site, machine, ledger) -> None:
    machine.power, machine.disk = Power.ON, marker()
    assert arm_boot(site, wish(blank=True), ledger) == BootReport("default", 1, GUID)
    assert (machine.device, machine.acts) == (DEFAULT, [])
    assert ledger.read("n1") is None


def test_a_raised_generation_is_armed_and_power_is_not_touched(site, machine, ledger) -> None:
    machine.power, machine.disk = Power.ON, marker()
    arm_boot(site, wish(generation=2, life="g2"), ledger)
    assert (machine.device, machine.acts) == (PXE_ONCE, [])


@pytest.mark.parametrize("disk", [marker(owner="lab/dev"), MarkerSight.ABSENT, None])
def test_what_runs_and_is_not_known_to_be_ours_is_refused_untouched(site, machine, ledger, disk) -> None:
    machine.power, machine.disk = Power.ON, disk
    with pytest.raises(HostError) as caught:
        arm_boot(site, wish(blank=True), ledger)
    assert caught.value.fault is HostFault.NOT_OURS
    assert (machine.device, machine.acts, ledger.read("n1")) == (DEFAULT, [], None)


def test_a_disk_that_answers_a_probe_is_kept(site, machine, ledger) -> None:
    machine.disk = marker()
    assert arm_boot(site, wish(), ledger) == BootReport("default", 1, GUID)
    assert (machine.device, machine.acts) == (DEFAULT, ["on"])
    assert ledger.read("n1") is None


def test_a_disk_that_answers_nothing_is_installed_after_a_probe(site, machine, ledger) -> None:
    arm_boot(site, wish(), ledger)
    assert (machine.device, machine.acts) == (PXE_ONCE, ["on"])


@pytest.mark.parametrize("left", [Entry(0, probing=True), Entry(0, armed="g1")])
def test_a_run_cut_short_after_its_probe_still_knows_who_started_the_host(site, machine, ledger, left) -> None:
    machine.power = Power.ON
    ledger.write("n1", left)
    arm_boot(site, wish(), ledger)
    assert machine.device == PXE_ONCE


def test_another_life_that_was_armed_is_no_leave_to_install_this_one(site, machine, ledger) -> None:
    machine.power = Power.ON
    ledger.write("n1", Entry(0, armed="g0"))
    with pytest.raises(HostError, match="does not answer"):
        arm_boot(site, wish(), ledger)


def test_a_host_that_is_off_is_started_from_its_disk_where_the_ledger_knows_it(site, machine, ledger) -> None:
    ledger.write("n1", Entry(1))
    assert arm_boot(site, wish(blank=True), ledger) == BootReport("default", 1, GUID)
    assert machine.device == DEFAULT


def test_within_a_life_only_a_lasting_device_is_put_back(site, machine, ledger) -> None:
    machine.device = BootDevice(BootTarget.DISK)
    assert keep_boot(site, wish(), 1) == BootReport("default", 1, GUID)
    assert machine.device == DEFAULT
    machine.device = PXE_ONCE
    keep_boot(site, wish(), 1)
    assert machine.device == PXE_ONCE, "it may be the install that begins this life"


def test_an_install_that_the_host_ignored_is_tried_again(site, machine, ledger) -> None:
    arm_boot(site, wish(blank=True), ledger)
    machine.obeys_pxe = False
    reach_power(site, wish(blank=True), ledger)
    assert machine.shows() is MarkerSight.UNREACHABLE
    machine.obeys_pxe = True
    assert boot_again(site, wish(blank=True), ledger)
    reach_power(site, wish(blank=True), ledger)
    assert machine.acts == ["on", "cycle", "installs"]
    assert not boot_again(site, wish(blank=True), ledger), "it answers by now"


def test_a_life_ends_with_its_override_and_what_was_known_of_it(site, machine, ledger) -> None:
    machine.device = PXE_ONCE
    ledger.write("n1", Entry(1))
    disarm_boot(site, wish(), ledger, installed=2, superseded=True)
    assert (machine.device, ledger.read("n1")) == (DEFAULT, Entry(2))
    disarm_boot(site, wish(), ledger, installed=2, superseded=False)
    assert ledger.read("n1") is None


def test_a_bmc_that_is_silent_keeps_a_life_from_ending_unless_the_host_is_lost(site, machine, ledger) -> None:
    machine.silent = True
    ledger.write("n1", Entry(1))
    with pytest.raises(BmcError):
        disarm_boot(site, wish(), ledger, installed=1, superseded=False)
    assert ledger.read("n1") == Entry(1)
    disarm_boot(site, wish(lost=True), ledger, installed=1, superseded=False)
    assert ledger.read("n1") is None


def test_a_pending_one_shot_is_no_state(site, machine) -> None:
    machine.device = PXE_ONCE
    assert lasting_device(site, wish(), BMC) == "default"
    machine.device = BootDevice(BootTarget.PXE)
    assert lasting_device(site, wish(), BMC) == "pxe"


def test_what_another_owner_released_is_installed_only_where_its_disks_may_go(site, machine, ledger) -> None:
    machine.power, machine.disk = Power.ON, marker(owner="lab/dev", state=MarkerState.RELEASED)
    with pytest.raises(HostError):
        arm_boot(site, wish(), ledger)
    assert arm_boot(site, wish(generation=0, life="g0"), ledger).installed == 0


def test_a_spare_that_is_off_is_not_touched(site, machine, ledger) -> None:
    assert arm_boot(site, wish(life="g1-off", power=PowerWish.OFF), ledger) == BootReport("default", 0, GUID)
    assert machine.acts == []
