"""What a machine does when its power comes on."""

from __future__ import annotations

import pytest

from lab.bmc.flags import BootFlags
from lab.machine.firmware import Boot, Disk, decide_boot

NOW = 1000.0
PXE_ONCE = BootFlags(bytes.fromhex("8004000000"))
PXE_ALWAYS = BootFlags(bytes.fromhex("c004000000"))
PXE_SPENT = BootFlags(bytes.fromhex("0004000000"))
PXE_EXPIRED = BootFlags(bytes.fromhex("8004000000"), expiry=999)
PXE_IN_TIME = BootFlags(bytes.fromhex("8004000000"), expiry=1001)
PXE_EFI = BootFlags(bytes.fromhex("a004000000"))
DISK_ONCE = BootFlags(bytes.fromhex("8008000000"))
CDROM = BootFlags(bytes.fromhex("8014000000"))
DEFAULT = BootFlags()

BLANK, INSTALLED = Disk(), Disk(installed=True, unclaimed=1)


@pytest.mark.parametrize("flags", [PXE_ONCE, PXE_ALWAYS, PXE_IN_TIME, PXE_EFI])
@pytest.mark.parametrize("disk", [BLANK, INSTALLED])
def test_a_valid_network_boot_installs(flags: BootFlags, disk: Disk) -> None:
    assert decide_boot(flags, disk, limit=2, now=NOW) is Boot.INSTALL


@pytest.mark.parametrize("flags", [DEFAULT, DISK_ONCE, CDROM, PXE_SPENT, PXE_EXPIRED])
def test_everything_else_boots_the_disk(flags: BootFlags) -> None:
    assert decide_boot(flags, INSTALLED, limit=2, now=NOW) is Boot.DISK
    assert decide_boot(flags, BLANK, limit=2, now=NOW) is Boot.NO_SYSTEM


@pytest.mark.parametrize(
    ("disk", "decision"),
    [
        (Disk(installed=True, claimed=False, unclaimed=1), Boot.INSTALL),
        (Disk(installed=True, claimed=False, unclaimed=2), Boot.REFUSED),
        (Disk(installed=False, claimed=False, unclaimed=2), Boot.REFUSED),
        (Disk(installed=True, claimed=True, unclaimed=0), Boot.INSTALL),
        (Disk(installed=True, claimed=True, unclaimed=7), Boot.INSTALL),
    ],
)
def test_installs_nobody_claims_come_to_an_end(disk: Disk, decision: Boot) -> None:
    assert decide_boot(PXE_ONCE, disk, limit=2, now=NOW) is decision


def test_a_refusal_never_boots_the_disk_instead() -> None:
    """The operator asked for a new system; the old one must not answer as if it were that."""
    disk = Disk(installed=True, unclaimed=2)
    assert decide_boot(PXE_ONCE, disk, limit=2, now=NOW) is not Boot.DISK
    assert decide_boot(DEFAULT, disk, limit=2, now=NOW) is Boot.DISK
