"""UEFI or legacy asked for over both protocols: what goes over the wire, and a BMC that does not keep it."""

from __future__ import annotations

import pytest

from lab.bmc.flags import BootFlags
from lab.redfish.temper import Mode
from lab.redfish.tree import SystemSpec, documents
from metal.bmc import BootTarget
from metal.bmc.protocol import BootDevice
from metal.bmc.quirks import BOOK, BootMode, Treatment
from metal.bmc.redfish.boot import decode_override, encode_override, fits
from metal.errors import BmcError, BmcFault
from metal.waiting import Run
from tests.unit.metal.bmc.conftest import address_of
from tests.unit.metal.bmc.redfish.conftest import at, certificate, make_pool, redfish  # noqa: F401
from tests.unit.metal.bmc.redfish.test_bmc import hurried

_VALID, _UEFI_BIT = 0x80, 0x20
SHOWN = {"BootSourceOverrideMode": "Legacy"}


@pytest.mark.demand("R3")
@pytest.mark.parametrize(("efi", "first"), [(True, "a0"), (False, "80"), (None, "80")])
def test_the_flag_over_ipmi_byte_for_byte(start, pool, efi, first) -> None:
    """IPMI 2.0, table 28-14, parameter 5: bit 5 of the first byte is the mode, and there is none for "either"."""
    responder = start()
    with pool.open(address_of(responder), deadline=Run().deadline(20)) as bmc:
        bmc.set_boot_device(BootTarget.PXE, once=True, efi=efi)
        assert responder.flags.hex() == f"{first}04000000"
        assert bmc.boot_device() == BootDevice(BootTarget.PXE, once=True, efi=bool(efi))


@pytest.mark.demand("R3")
@pytest.mark.parametrize(
    ("efi", "change", "cure"),
    [
        (True, lambda first: first & ~_UEFI_BIT, "take boot_mode out for this host"),
        (None, lambda first: first | _UEFI_BIT, "set boot_mode: uefi for this host"),
        (True, lambda first: first & ~_VALID, "ipmitool chassis bootparam get 5"),
    ],
)
def test_a_mode_that_is_not_kept_over_ipmi_is_found_out_and_its_cure_named(start, pool, efi, change, cure) -> None:
    responder = start()
    kept = responder.memory.set_flags

    def keep(flags: bytes, *, lasting: bool) -> None:
        kept(bytes((change(flags[0]), *flags[1:])), lasting=lasting)

    responder.memory.set_flags = keep
    with pool.open(address_of(responder), deadline=hurried().deadline(600)) as bmc:
        with pytest.raises(BmcError) as caught:
            bmc.set_boot_device(BootTarget.PXE, once=True, efi=efi)
        bmc.set_boot_device(BootTarget.DEFAULT, once=False, efi=efi)
    assert caught.value.fault is BmcFault.NOT_APPLIED
    assert cure in caught.value.next_step
    assert "power was not touched" in caught.value.next_step
    assert responder.executed == []
    assert BootFlags(responder.flags).data == bytes((change(0), 0, 0, 0, 0))


@pytest.mark.demand("R3", "U21")
@pytest.mark.parametrize(
    ("rule", "efi", "sent"),
    [
        (BootMode.WHEN_ASKED, True, "UEFI"),
        (BootMode.WHEN_ASKED, False, "Legacy"),
        (BootMode.WHEN_ASKED, None, None),
        (BootMode.SEND, True, "UEFI"),
        (BootMode.SEND, None, "Legacy"),
        (BootMode.OMIT, True, None),
    ],
)
def test_the_mode_over_redfish_as_the_family_wants_it(rule, efi, sent) -> None:
    body = encode_override(BootDevice(BootTarget.PXE, True, efi), SHOWN, Treatment(boot_mode=rule))
    assert body == {
        "BootSourceOverrideEnabled": "Once",
        "BootSourceOverrideTarget": "Pxe",
        **({"BootSourceOverrideMode": sent} if sent else {}),
    }
    cleared = encode_override(BootDevice(BootTarget.DEFAULT), SHOWN, BOOK)
    assert "BootSourceOverrideMode" not in cleared


@pytest.mark.parametrize(("shown", "fitting"), [("UEFI", {True, None}), ("Legacy", {False, None}), (None, {None})])
def test_a_mode_that_is_asked_for_has_to_be_shown(shown, fitting) -> None:
    boot = {"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Pxe", "BootSourceOverrideMode": shown}
    seen = decode_override(boot)
    assert {efi for efi in (True, False, None) if fits(seen, BootDevice(BootTarget.PXE, True, efi))} == fitting


@pytest.mark.demand("R3", "U21")
def test_over_redfish_a_mode_is_set_kept_or_an_error_with_its_cure(redfish, at, make_pool) -> None:  # noqa: F811
    def ask(responder, efi: bool | None) -> None:
        with make_pool(patience=60).open(at(responder), deadline=hurried().deadline(600)) as bmc:
            bmc.set_boot_device(BootTarget.PXE, once=True, efi=efi)

    taken = redfish()
    for efi, word in ((False, "Legacy"), (True, "UEFI"), (None, "UEFI")):
        ask(taken, efi)
        assert taken.board.override["BootSourceOverrideMode"] == word

    refusing = redfish(mode=Mode.REFUSED)
    with pytest.raises(BmcError, match="read only property") as caught:
        ask(refusing, True)
    assert "take boot_mode out for this host" in caught.value.next_step
    ask(refusing, None)

    dropping = redfish()
    keep = dropping.board.set_boot
    dropping.board.set_boot = lambda override: keep({**override, "BootSourceOverrideMode": "Legacy"})
    with pytest.raises(BmcError, match="does not keep boot device") as caught:
        ask(dropping, True)
    assert "its mode is not: set the boot mode in the machine's firmware" in caught.value.next_step
    assert dropping.board.executed == []

    tree = documents([SystemSpec()])
    tree["/redfish/v1/Systems/1"]["Boot"]["BootSourceOverrideMode@Redfish.AllowableValues"] = ["UEFI"]
    only = redfish(tree=tree)
    with pytest.raises(BmcError, match="BootSourceOverrideMode Legacy is not among UEFI"):
        ask(only, False)
    assert only.asked("PATCH") == 0
