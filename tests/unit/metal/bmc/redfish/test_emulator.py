"""Against somebody else's Redfish: sushy-tools' emulator, over TLS, with a login and two systems."""

from __future__ import annotations

import pytest

from metal.bmc import BmcPool, BootTarget, Power
from metal.errors import BmcError, BmcFault
from metal.settings.access import BmcAddress, BmcProtocol
from metal.settings.credentials import BmcLogin
from metal.waiting import Run
from tests.unit.metal.bmc.conftest import PASSWORD, USER, OneLogin
from tests.unit.metal.bmc.redfish.emulator import SYSTEMS, Emulator


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    emulator = Emulator(tmp_path_factory.mktemp("emulator"), USER, PASSWORD)
    emulator.start()
    yield emulator
    emulator.stop()


@pytest.fixture
def address(emulator):
    def of(host: str, **how: object) -> BmcAddress:
        pinned = {"fingerprint": emulator.certificate.fingerprint}
        said = (pinned if "ca" not in how else {}) | how
        return BmcAddress(host, "127.0.0.1", emulator.port, BmcProtocol.REDFISH, "rack", **said)  # type: ignore[arg-type]

    return of


def opened(address: BmcAddress, password: str = PASSWORD, seconds: float = 90):
    pool = BmcPool(OneLogin(BmcLogin(USER, password)), sessions=4, per_subnet=4, interval=0)
    return pool.open(address, deadline=Run().deadline(seconds))


def test_two_systems_are_switched_each_for_itself(address, emulator):
    """It applies a change of power after one to eleven seconds, and until then refuses nothing."""
    first, second = address("n1", uuid=SYSTEMS["blade1"]), address("n2", system=SYSTEMS["blade2"])
    with opened(second) as bmc:
        assert bmc.guid() == f"uuid:{SYSTEMS['blade2']}"
        bmc.power_on()
        assert bmc.power() is Power.ON
    with opened(first) as bmc:
        assert bmc.guid() == f"uuid:{SYSTEMS['blade1']}"
        assert bmc.power() is Power.OFF


def test_boot_overrides_that_last_are_set_on_one_system_alone(address):
    with opened(address("n1", system=SYSTEMS["blade1"])) as bmc:
        for target in (BootTarget.PXE, BootTarget.OPTICAL, BootTarget.DISK):
            bmc.set_boot_device(target, once=False, efi=True)
            seen = bmc.boot_device()
            assert (seen.target, seen.once, seen.efi) == (target, False, True)
        bmc.set_boot_device(BootTarget.PXE, once=False, efi=None)
    with opened(address("n2", system=SYSTEMS["blade2"])) as bmc:
        assert bmc.boot_device().target is BootTarget.DISK


@pytest.mark.demand("U20", "U24")
def test_once_is_accepted_and_not_kept_and_found_out(address):
    """The emulator ignores how often an override holds: a one-shot would install for ever."""
    with opened(address("n1", system=SYSTEMS["blade1"])) as bmc, pytest.raises(BmcError) as caught:
        bmc.set_boot_device(BootTarget.PXE, once=True, efi=None)
    assert caught.value.fault is BmcFault.NOT_APPLIED
    assert "pxe (lasting" in caught.value.seen


def test_which_system_is_refused_with_the_list(address):
    with pytest.raises(BmcError) as caught, opened(address("n1")):
        pytest.fail("opened")
    assert all(uuid in caught.value.seen for uuid in SYSTEMS.values())


def test_its_authority_is_verified_and_a_wrong_password_told(address, emulator):
    vouched = address("n1", ca=str(emulator.certificate.pem), system=SYSTEMS["blade1"])
    with opened(vouched) as bmc:
        assert bmc.power() in (Power.ON, Power.OFF)
    with pytest.raises(BmcError) as caught, opened(vouched, password="other"):
        pytest.fail("opened")
    assert caught.value.fault is BmcFault.AUTH
