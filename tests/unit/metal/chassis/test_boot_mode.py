"""The firmware's mode goes along with every boot that is asked for, and decides nothing else."""

from __future__ import annotations

import pytest

from metal.bmc.protocol import BootDevice, BootTarget, Power
from metal.chassis import life
from metal.chassis.boot import arm_boot, keep_boot, lasting_device
from metal.chassis.life import begin_life
from metal.chassis.power import reach_power, release_power
from metal.errors import BmcError, BmcFault, HostError, HostFault
from metal.settings.fleet import FirmwareMode, LastingBoot, OnLeave
from tests.unit.metal.chassis.machine import ACCESS, BMC, Session, marker, wish
from tests.unit.metal.chassis.test_life import READY

UEFI = {"boot_mode": FirmwareMode.UEFI}
PXE_UEFI = BootDevice(BootTarget.PXE, once=True, efi=True)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[bool | None]:
    """The mode that the BMC was asked for, each time, in its own words: None where none was."""
    modes: list[bool | None] = []
    keep = Session.set_boot_device

    def note(self: Session, target: BootTarget, *, once: bool, efi: bool | None) -> None:
        modes.append(efi)
        keep(self, target, once=once, efi=efi)

    monkeypatch.setattr(Session, "set_boot_device", note)
    return modes


@pytest.mark.demand("R3")
def test_an_install_is_armed_and_carried_out_in_the_mode_that_is_wanted(site, machine, ledger, asked) -> None:
    wanted = wish(blank=True, **UEFI)
    arm_boot(site, wanted, ledger)
    assert machine.device == PXE_UEFI
    reach_power(site, wanted, ledger)
    assert machine.acts == ["on", "installs"]
    assert asked == [True]


def test_without_a_mode_none_is_asked_for(site, machine, ledger, asked) -> None:
    arm_boot(site, wish(blank=True), ledger)
    keep_boot(site, wish(boot_device=LastingBoot.DISK), 1)
    machine.device = BootDevice(BootTarget.DEFAULT)
    keep_boot(site, wish(boot_device=LastingBoot.DISK), 1)
    assert asked == [None, None]
    arm_boot(site, wish(blank=True, boot_mode=FirmwareMode.LEGACY), ledger)
    assert asked[-1] is False


@pytest.mark.demand("R3")
def test_a_mode_alone_puts_the_lasting_device_right_and_installs_nothing(site, machine, ledger) -> None:
    machine.power, machine.disk = Power.ON, marker()
    wanted = wish(boot_device=LastingBoot.DISK, **UEFI)
    machine.device = BootDevice(BootTarget.DISK)
    assert lasting_device(site, wanted, BMC) == "disk (legacy)", "which is drift, and shows"
    assert keep_boot(site, wanted, 1).device == lasting_device(site, wanted, BMC) == "disk"
    assert (machine.device, machine.acts) == (BootDevice(BootTarget.DISK, efi=True), [])
    machine.device = BootDevice(BootTarget.DISK, efi=None)
    assert lasting_device(site, wanted, BMC) == "disk (no mode)"
    assert lasting_device(site, wish(boot_device=LastingBoot.DISK), BMC) == "disk"


def test_a_reinstall_on_leaving_keeps_to_the_mode(site, machine, asked) -> None:
    machine.power, machine.disk = Power.ON, marker()
    release_power(site, wish(**UEFI), OnLeave.REINSTALL)
    assert (asked, machine.acts) == ([True], ["cycle", "installs"])


@pytest.mark.demand("R3")
def test_a_bmc_that_drops_the_mode_is_an_error_before_power_is_touched(site, machine, ledger, monkeypatch) -> None:
    def refuse(self: Session, target: BootTarget, *, once: bool, efi: bool | None) -> None:
        raise BmcError("boot device is not pxe (once, efi)", fault=BmcFault.NOT_APPLIED, host="n1")

    monkeypatch.setattr(Session, "set_boot_device", refuse)
    with pytest.raises(BmcError):
        arm_boot(site, wish(blank=True, **UEFI), ledger)
    assert (machine.acts, ledger.read("n1")) == ([], None)


@pytest.mark.demand("U30")
@pytest.mark.parametrize("fault", [HostFault.UNREACHABLE, HostFault.OLD_SYSTEM])
def test_a_network_boot_without_a_system_names_what_was_asked_and_where_to_look(
    site, machine, ledger, monkeypatch, fault
) -> None:
    def make_ready(*args: object, **how: object) -> None:
        raise HostError("no new system", fault=fault, host="n1", tried=["ssh"], next_step="look at its boot order")

    monkeypatch.setattr(life, "make_ready", make_ready)
    machine.power, machine.device = Power.ON, PXE_UEFI
    ledger.note_boot("n1", "g1", installing=True)
    with pytest.raises(HostError) as caught:
        begin_life(site, ACCESS, READY, ledger, wish(**UEFI))
    told = str(caught.value)
    assert "network boot: boot device pxe (once, efi), set and read back through its BMC before power; ssh" in told
    for words in ("network card", "link", "DHCP", "TFTP", "HTTP boot", "boot_mode"):
        assert words in caught.value.next_step
    if fault is HostFault.UNREACHABLE:
        assert "boot device pxe (once, efi)" in (caught.value.seen or ""), "firmware has not looked at it yet"
    else:
        assert "look at its boot order" in caught.value.next_step


def test_a_life_without_an_install_is_told_nothing_of_network_boots(site, machine, ledger, monkeypatch) -> None:
    def make_ready(*args: object, **how: object) -> None:
        raise HostError("no answer", fault=HostFault.UNREACHABLE, host="n1", next_step="check power")

    monkeypatch.setattr(life, "make_ready", make_ready)
    ledger.note_boot("n1", "g1", installing=False)
    with pytest.raises(HostError) as caught:
        begin_life(site, ACCESS, READY, ledger, wish())
    assert caught.value.next_step == "check power"
    assert caught.value.seen == "chassis power is off"
