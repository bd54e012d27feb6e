"""BMCs at IPv6 addresses, over real sockets: login, power, boot device, presence, certificates."""

from __future__ import annotations

import pytest

from lab.bmc.responder import Responder
from lab.redfish.certificate import make_certificate
from metal.bmc import BmcPool, BootTarget, Power
from metal.bmc.presence import answers_ipmi, answers_redfish
from metal.bmc.redfish.bmc import RedfishBmc
from metal.errors import BmcError, BmcFault
from metal.settings.access import BmcAddress, BmcProtocol
from metal.settings.credentials import BmcLogin
from metal.waiting import Run
from tests.unit.metal.bmc.conftest import PASSWORD, USER, OneLogin, address_of
from tests.unit.metal.bmc.redfish.conftest import certificate, make_pool, redfish  # noqa: F401
from tests.waiting import wait_for

LOOPBACK = "::1"


@pytest.fixture
def ipmi():
    responder = Responder(USER, PASSWORD, address=LOOPBACK)
    yield responder
    responder.close()


@pytest.fixture
def service(redfish, tmp_path):  # noqa: F811
    """A Redfish BMC with a certificate made out to its address, and the inventory's word on it."""
    shown = make_certificate(tmp_path / "bmc.pem", LOOPBACK)
    responder = redfish(address=LOOPBACK, certificate=shown)

    def address(**how: object) -> BmcAddress:
        return BmcAddress("n1", LOOPBACK, responder.port, BmcProtocol.REDFISH, "rack", **how)  # type: ignore[arg-type]

    return responder, shown, address


@pytest.mark.demand("R3")
def test_login_power_and_boot_device_over_ipmi(ipmi, pool) -> None:
    with pool.open(address_of(ipmi), deadline=Run().deadline(20)) as bmc:
        bmc.set_boot_device(BootTarget.PXE, once=True, efi=True)
        bmc.power_on()
        assert bmc.power() is Power.ON
    assert (ipmi.address, ipmi.memory.boots) == (LOOPBACK, ["pxe"])
    wait_for("the session is closed", lambda: ipmi.open_sessions == 0)


@pytest.mark.demand("R3")
def test_login_power_and_boot_device_over_redfish_with_a_pinned_certificate(service, make_pool) -> None:  # noqa: F811
    _, shown, address = service
    with make_pool().open(address(fingerprint=shown.fingerprint), deadline=Run().deadline(30)) as bmc:
        bmc.set_boot_device(BootTarget.PXE, once=True, efi=True)
        bmc.power_on()
        assert (bmc.power(), bmc.boot_device().target) == (Power.ON, BootTarget.PXE)
    with (
        pytest.raises(BmcError) as caught,
        make_pool().open(address(fingerprint=f"sha256:{'0' * 64}"), deadline=Run().deadline(30)),
    ):
        pass
    assert caught.value.fault is BmcFault.CERTIFICATE
    assert shown.fingerprint in str(caught.value)


@pytest.mark.demand("R3")
def test_an_authority_vouches_for_the_address_itself(service, make_pool, tmp_path) -> None:  # noqa: F811
    responder, _, address = service
    pool = make_pool(root=tmp_path)
    with pool.open(address(ca="bmc.pem"), deadline=Run().deadline(30)) as bmc:
        assert bmc.power() is Power.OFF
    # Its word on another address is none on this one.
    responder.show(make_certificate(tmp_path / "bmc.pem", "fd00::1"))
    elsewhere = make_pool(root=tmp_path).open(address(ca="bmc.pem"), deadline=Run().deadline(30))
    with pytest.raises(BmcError) as caught, elsewhere:
        pass
    assert caught.value.fault is BmcFault.CERTIFICATE


@pytest.mark.demand("R3")
def test_presence_and_the_choice_of_a_protocol(ipmi, service, tmp_path) -> None:
    responder, shown, _ = service
    run = Run()
    assert answers_ipmi(LOOPBACK, ipmi.port, run.deadline(5))
    assert answers_redfish(LOOPBACK, responder.port, run.deadline(5))
    pool = BmcPool(OneLogin(BmcLogin(USER, PASSWORD)), sessions=8, per_subnet=8, interval=0, root=tmp_path)
    either = BmcAddress(
        "n1", LOOPBACK, ipmi.port, BmcProtocol.AUTO, "rack", redfish_port=responder.port, fingerprint=shown.fingerprint
    )
    with pool.open(either, deadline=run.deadline(60)) as bmc:
        assert isinstance(bmc, RedfishBmc)
        assert bmc.power() is Power.OFF
