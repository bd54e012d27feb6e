"""Power and boot device on OpenIPMI's BMC, checked with ipmitool as a second implementation."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from lab.bmc.responder import Responder
from lab.redfish.board import WiredBoard
from metal.bmc import BmcIdentity, BootDevice, BootTarget, Power
from metal.bmc.restore import restoring
from metal.bmc.rmcp.suites import SUITE_17
from metal.errors import BmcError, BmcFault
from metal.settings.access import BmcAddress, BmcProtocol
from metal.settings.fleet import PowerRestore
from metal.waiting import Run
from tests.lab.bmc_fixtures import make_pool, start_bmc  # noqa: F401
from tests.lab.bmc_simulator import PASSWORD, PORT, USER, SimulatedBmc

pytestmark = pytest.mark.root


def ipmitool(ip: str, *words: str, port: int = PORT, suite: int = 3) -> str:
    command = ["ipmitool", "-I", "lanplus", "-C", str(suite), "-H", ip, "-p", str(port), "-U", USER, "-E", *words]
    done = subprocess.run(
        command, env={"PATH": "/usr/bin", "IPMI_PASSWORD": PASSWORD}, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def opened(bmc: SimulatedBmc, seconds: float = 20):
    return make_pool().open(bmc.address, deadline=Run().deadline(seconds))


def test_on_off_cycle_as_ipmitool_sees_it(start_bmc):  # noqa: F811
    bmc = start_bmc()
    with opened(bmc) as b:
        b.power_on()
        assert "is on" in ipmitool(bmc.ip, "chassis", "power", "status")
        b.power_off(soft=0)
        assert "is off" in ipmitool(bmc.ip, "chassis", "power", "status")
        b.power_cycle()
        b.power_cycle()
        assert "is on" in ipmitool(bmc.ip, "chassis", "power", "status")
        assert b.identity() == BmcIdentity("enterprise 4753", "0x0f02", "9.08")
    assert bmc.executed == ["power 1", "power 0", "power 1", "power 0", "power 1"]


def test_what_ipmitool_switches_we_see(start_bmc):  # noqa: F811
    bmc = start_bmc()
    ipmitool(bmc.ip, "chassis", "power", "on")
    with opened(bmc) as b:
        assert b.power() is Power.ON


def test_soft_then_hard_off(start_bmc):  # noqa: F811
    bmc = start_bmc()
    bmc.power(1)
    with opened(bmc) as b:
        b.power_off(soft=5)
        assert bmc.executed == ["shutdown 1"]
        bmc.power(1)
        (bmc.folder / "ignore-shutdown").touch()
        b.power_off(soft=1)
    assert bmc.executed[1:] == ["shutdown 1", "power 0"]


def test_a_chassis_that_refuses_is_named_with_its_code(start_bmc):  # noqa: F811
    bmc = start_bmc()
    (bmc.folder / "refuse-power").touch()
    with pytest.raises(BmcError) as caught, opened(bmc) as b:
        b.power_on()
    assert caught.value.fault is BmcFault.COMMAND
    assert caught.value.code == 0xFF
    assert bmc.executed == []


def test_off_that_never_happens_is_bounded_and_named(start_bmc):  # noqa: F811
    bmc = start_bmc()
    bmc.power(1)
    (bmc.folder / "ignore-power-0").touch()
    began = time.monotonic()
    with pytest.raises(BmcError) as caught, opened(bmc, 3) as b:
        b.power_cycle()
    assert caught.value.fault is BmcFault.NOT_APPLIED
    assert time.monotonic() - began < 8
    assert "power 1" not in bmc.executed


@pytest.mark.demand("R3")
def test_boot_flags_round_trip_and_ipmitool_agrees(start_bmc):  # noqa: F811
    bmc = start_bmc(boot_flags=True)
    with opened(bmc, 30) as b:
        for target in (BootTarget.PXE, BootTarget.DISK, BootTarget.OPTICAL, BootTarget.SETUP, BootTarget.USB):
            for once in (True, False):
                for efi in (True, False):
                    b.set_boot_device(target, once=once, efi=efi)
                    assert b.boot_device() == BootDevice(target, once, efi)
        b.set_boot_device(BootTarget.PXE, once=True, efi=True)
        seen = ipmitool(bmc.ip, "chassis", "bootparam", "get", "5")
        assert "Boot parameter data: a004000000" in seen
        assert "Force PXE" in seen
        assert "BIOS EFI boot" in seen
        ipmitool(bmc.ip, "chassis", "bootdev", "disk", "options=persistent")
        assert b.boot_device() == BootDevice(BootTarget.DISK, once=False, efi=False)
        b.set_boot_device(BootTarget.DEFAULT, once=False, efi=False)
        assert b.boot_device() == BootDevice(BootTarget.DEFAULT)


def test_flags_do_not_run_out(start_bmc):  # noqa: F811
    """The module writes an expiry of 60 s beside the flags unless the time-out was cleared before."""
    bmc = start_bmc(boot_flags=True)
    kept = Path(bmc.folder / "bootflags")
    with opened(bmc) as b:
        b.set_boot_device(BootTarget.PXE, once=True, efi=False)
    assert kept.read_text().split() == ["8004000000", "0"]


@pytest.mark.demand("H4")
def test_a_restore_policy_is_one_for_us_ipmitool_and_redfish(start_bmc):  # noqa: F811
    """ipmi_sim with the lab's module, whose file is what the lab's Redfish shows; it outlasts a restart of the BMC."""
    bmc = start_bmc(boot_flags=True)
    board = WiredBoard(bmc.folder, bmc.folder / "bootflags", bmc.folder / "restore")

    def shown() -> str:
        return next(line.split()[-1] for line in ipmitool(bmc.ip, "chassis", "status").splitlines() if "Policy" in line)

    assert (shown(), board.restore()) == ("always-off", "AlwaysOff")
    with opened(bmc, 60) as b:
        policy = restoring(b, bmc.address)
        for wanted, word, redfish in (
            (PowerRestore.PREVIOUS, "previous", "LastState"),
            (PowerRestore.ON, "always-on", "AlwaysOn"),
            (PowerRestore.OFF, "always-off", "AlwaysOff"),
        ):
            policy.set_power_restore(wanted)
            assert (policy.power_restore(), shown(), board.restore()) == (wanted, word, redfish)
        ipmitool(bmc.ip, "chassis", "policy", "previous")
        assert policy.power_restore() is PowerRestore.PREVIOUS
        board.set_restore("AlwaysOn")
        b.power_on()
        assert (policy.power_restore(), b.power()) == (PowerRestore.ON, Power.ON), "the power bit beside it is right"
    bmc.stop()
    bmc.start()
    assert shown() == "always-on"


def test_a_bmc_without_a_restore_policy_is_told_what_to_do(start_bmc):  # noqa: F811
    """ipmi_sim as it comes knows no such command."""
    bmc = start_bmc()
    with pytest.raises(BmcError, match="has no power restore policy") as caught, opened(bmc) as b:
        restoring(b, bmc.address).set_power_restore(PowerRestore.ON)
    assert (caught.value.fault, caught.value.code) == (BmcFault.COMMAND, 0xC1)
    assert "protocol: redfish" in str(caught.value)


def test_a_bmc_that_drops_the_flags_is_found_out(start_bmc):  # noqa: F811
    """ipmi_sim without the module answers success and forgets the valid bit."""
    bmc = start_bmc()
    with pytest.raises(BmcError) as caught, opened(bmc) as b:
        b.set_boot_device(BootTarget.PXE, once=True, efi=False)
    assert caught.value.fault is BmcFault.NOT_APPLIED
    assert "read back default" in str(caught.value)
    assert bmc.executed == []


def test_pyghmis_command_set_runs_on_our_session(start_bmc):  # noqa: F811
    bmc = start_bmc(boot_flags=True)
    with opened(bmc) as b:
        command = b.command_set()
        assert command.get_power() == {"powerstate": "off"}
        b.set_boot_device(BootTarget.PXE, once=True, efi=False)
        assert command.get_bootdev() == {"bootdev": "network", "persistent": False, "uefimode": False}
        assert command.set_power("on", wait=True) == {"powerstate": "on"}
        assert command.get_users()[2]["name"] == USER
        command.ipmi_session.logout()
        assert b.power() is Power.ON


def test_suite_17_with_ipmitool_as_the_other_client():
    responder = Responder(USER, PASSWORD, address="127.0.9.248")
    try:
        address = BmcAddress("n1", responder.address, responder.port, BmcProtocol.IPMI, "test")
        with make_pool(suites=[SUITE_17]).open(address, deadline=Run().deadline(10)) as b:
            b.set_boot_device(BootTarget.PXE, once=False, efi=True)
            b.power_on()
        assert "is on" in ipmitool(responder.address, "chassis", "power", "status", port=responder.port, suite=17)
        flags = ipmitool(responder.address, "chassis", "bootparam", "get", "5", port=responder.port, suite=17)
        assert "e004000000" in flags
        ipmitool(responder.address, "chassis", "power", "off", port=responder.port, suite=17)
        assert responder.executed == [1, 0]
    finally:
        responder.close()
