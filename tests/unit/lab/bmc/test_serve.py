"""The small BMC in place of ipmi_sim: same power switch, flags and policy; faults from a file that changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.bmc.configuration import SmallBmc
from lab.bmc.flags import read_flags
from lab.bmc.serve import serve
from lab.faults.book import write_faults
from lab.faults.kinds import kind_named
from lab.faults.rule import Fault
from metal.bmc import BmcPool, BootTarget, Power
from metal.bmc.restore import restoring
from metal.errors import BmcError, BmcFault
from metal.settings.access import BmcAddress, BmcProtocol
from metal.settings.credentials import BmcLogin
from metal.settings.fleet import PowerRestore
from metal.waiting import Run
from tests.unit.lab.bmc.test_chassis import machine  # noqa: F401


class OneLogin:
    def bmc(self, profile: str) -> BmcLogin:
        return BmcLogin("admin", "s3cret")


def test_it_is_wired_to_the_machine_and_plays_what_is_armed(machine: Path, tmp_path: Path) -> None:  # noqa: F811
    login = tmp_path / "login"
    login.write_text("admin:s3cret\n")
    small = SmallBmc(
        address="127.0.0.1",
        port=0,
        guid="a1b2" * 8,
        login=str(login),
        machine=str(machine),
        flags=str(tmp_path / "bootflags"),
        restore=str(tmp_path / "restore"),
        faults=str(tmp_path / "faults.json"),
        spent=str(tmp_path / "spent.json"),
    )
    bmc = serve(small)
    pool = BmcPool(OneLogin(), sessions=1, per_subnet=1, interval=0, patience=60)
    address = BmcAddress("n1", bmc.address, bmc.port, BmcProtocol.IPMI, "rack")
    try:
        with pool.open(address, deadline=Run().deadline(100)) as opened:
            assert opened.guid() == "a1b2" * 8
            opened.set_boot_device(BootTarget.PXE, once=True, efi=False)
            assert read_flags(tmp_path / "bootflags").data.hex() == "8004000000"
            assert read_flags(tmp_path / "bootflags").expiry == 0
            restoring(opened, address).set_power_restore(PowerRestore.ON)
            assert (tmp_path / "restore").read_text() == "2\n"
            opened.power_on()
            assert (machine / "power").read_text().split()[0].isdecimal()
            write_faults(tmp_path / "faults.json", [Fault(1, "silent", kind_named("boot-device-ignored").rules(), 0)])
            with pytest.raises(BmcError) as caught:
                opened.set_boot_device(BootTarget.DISK, once=True, efi=False)
            assert caught.value.fault is BmcFault.NOT_APPLIED
            write_faults(tmp_path / "faults.json", [])
            opened.set_boot_device(BootTarget.DISK, once=True, efi=False)
            opened.power_cycle()
            assert opened.power() is Power.ON
            opened.power_off(soft=0)
    finally:
        bmc.close()
