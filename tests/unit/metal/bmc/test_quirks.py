"""The table of quirks: every row has its source and a recorded reply, every flag a reader, no vendor is in the code."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

import pytest

from lab.redfish.certificate import make_certificate
from lab.redfish.responder import Responder as RedfishResponder
from lab.redfish.temper import Temper
from metal.bmc import BmcPool, BootDevice, BootTarget
from metal.bmc.ipmi.bootflags import decode_boot_flags, encode_boot_flags
from metal.bmc.ipmi.device import decode_device_id
from metal.bmc.quirk_table import QUIRKS
from metal.bmc.quirks import BOOK, BootMode, Device, Quirk, Treatment, asks_firmware, treatment_of
from metal.errors import BmcError, BmcFault
from metal.settings.access import BmcAddress, BmcProtocol
from metal.settings.credentials import BmcLogin
from metal.waiting import Run
from tests.unit.metal.bmc.conftest import PASSWORD, USER, OneLogin

CHECKOUT = Path(__file__).parents[4]
RECORDED = CHECKOUT / "tests" / "recorded"
CODE = [path for path in (CHECKOUT / "metal").rglob("*.py") if path.name != "quirk_table.py"]
FLAGS = [item.name for item in fields(Treatment)]


def recorded(name: str) -> dict[str, object]:
    return json.loads((RECORDED / name).read_text())


@pytest.mark.parametrize("row", QUIRKS, ids=lambda row: f"{row.family}: {row.treat[0][0]}")
def test_a_row_has_a_source_and_a_recorded_reply_of_said_origin(row):
    reply = recorded(row.recorded)
    assert re.search(r"#\d+|story \d+|sushy [\d.]+", row.source)
    assert row.enterprises or row.makers
    assert reply["origin"]
    assert reply["sources"]
    assert all(name in FLAGS and value != getattr(BOOK, name) for name, value in row.treat)


@pytest.mark.parametrize("flag", FLAGS)
def test_a_flag_is_set_by_a_row_and_read_by_the_code(flag):
    assert any(name == flag for row in QUIRKS for name, _ in row.treat)
    readers = [
        path for path in CODE if re.search(rf"treatment\.{flag}\b", path.read_text()) and path.name != "quirks.py"
    ]
    assert readers


@pytest.mark.demand("U21")
def test_no_vendor_is_decided_on_in_the_code():
    vendors = r"\b(supermicro|dell|idrac|hpe|ilo|lenovo|asrock|gigabyte|quanta|10876|47488|674)\b"
    for path in CODE:
        for line in path.read_text().splitlines():
            words = line.partition("#")[0]
            assert not (re.search(r"\b(if|elif|match|case)\b", words) and re.search(vendors, words, re.I)), (path, line)


def test_docs_show_the_table_as_it_is():
    lines = ["| family | treatment | source | recorded reply |", "|---|---|---|---|"]
    for row in QUIRKS:
        treatment = "; ".join(f"`{name}`: {shown(value)}" for name, value in row.treat)
        lines.append(f"| {row.family} | {treatment} | {row.source} | `tests/recorded/{row.recorded}` |")
    document = (CHECKOUT / "docs" / "quirks.md").read_text()
    table = "\n".join(lines)
    assert table in document, f"docs/quirks.md should hold:\n{table}"
    assert all(f"`{flag}`" in document for flag in FLAGS)


def shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(f"`{item}`" for item in value)
    return f"{value:#04x}" if isinstance(value, int) else str(value)


ROWS = (
    Quirk("a", (("optical", "UsbCd"),), "s", "r", makers=("acme",), since="2.10", until="3.0"),
    Quirk("b", (("optical", "Usb"), ("boot_mode", BootMode.OMIT)), "s", "r", makers=("acme",), products=("x1",)),
    Quirk("c", (("efi_disk", 0x24),), "s", "r", enterprises=frozenset({7}), products=("0x0a2b",)),
)


@pytest.mark.parametrize(
    ("device", "treatment"),
    [
        (Device(), BOOK),
        (Device(maker="Acmetron"), BOOK),
        (Device(maker="ACME Inc.", firmware="2.10"), Treatment(optical="UsbCd")),
        (Device(maker="ACME Inc.", firmware="2.9.99"), BOOK),
        (Device(maker="ACME Inc.", firmware="v3.0"), BOOK),
        (Device(maker="ACME Inc."), BOOK),
        (Device(maker="acme", product="Model X1", firmware="2.11"), Treatment(0, BootMode.OMIT, optical="UsbCd")),
        (Device(maker="acme", product="Model X12"), BOOK),
        (Device(enterprise=7, product="0x0a2b"), Treatment(efi_disk=0x24)),
        (Device(enterprise=7, product="0x0a2c"), BOOK),
    ],
)
def test_rows_are_matched_by_maker_product_and_firmware_and_the_first_wins(device, treatment):
    assert treatment_of(device, ROWS) == treatment


def test_firmware_is_asked_for_only_where_a_row_depends_on_it():
    assert asks_firmware(Device(maker="acme"), ROWS)
    assert not asks_firmware(Device(enterprise=7, product="0x0a2b"), ROWS)


def test_supermicro_over_ipmi_as_recorded():
    reply = recorded("ipmi/supermicro.json")
    for answer in reply["get_device_id"]:
        found = decode_device_id(bytes.fromhex(answer))
        treatment = treatment_of(Device(enterprise=found.manufacturer, product=f"{found.product:#06x}"))
        device = BootDevice(BootTarget.DISK, once=True, efi=True)
        assert encode_boot_flags(device, treatment).hex() == reply["efi_disk_once"]
        assert decode_boot_flags(b"\x01\x05" + bytes.fromhex(reply["efi_disk_once"]), treatment) == device


@pytest.fixture
def opened(tmp_path):
    """A small BMC that shows a recorded tree and has its temper."""

    @contextmanager
    def _opened(name, run=None, **temper):
        reply = recorded(f"redfish/{name}.json")
        certificate = make_certificate(tmp_path / "bmc.pem", "127.0.0.1")
        responder = RedfishResponder(
            USER,
            PASSWORD,
            tree=reply["resources"],
            temper=Temper.of({**reply["temper"], **temper}),
            certificate=certificate,
        )
        address = BmcAddress(
            "n1", "127.0.0.1", responder.port, BmcProtocol.REDFISH, "rack", fingerprint=certificate.fingerprint
        )
        pool = BmcPool(OneLogin(BmcLogin(USER, PASSWORD)), sessions=1, per_subnet=1, interval=0)
        try:
            with pool.open(address, deadline=(run or Run()).deadline(30)) as bmc:
                bmc.read()
                yield responder, bmc
        finally:
            responder.close()

    return _opened


@pytest.mark.demand("U20", "U21", "U23")
@pytest.mark.parametrize("name", ["supermicro-x12", "supermicro-without-mode", "hpe-ilo5", "dell-idrac9", "asrockrack"])
def test_one_call_works_on_every_maker(opened, name):
    with opened(name) as (responder, bmc):
        for once in (True, False):
            bmc.set_boot_device(BootTarget.PXE, once=once, efi=None)
            seen = bmc.boot_device()
            assert (seen.target, seen.once) == (BootTarget.PXE, once)
            # What was not asked for stays: the mode is no legacy one afterwards.
            assert responder.board.override["BootSourceOverrideMode"] == "UEFI"
        bmc.set_boot_device(BootTarget.DEFAULT, once=False, efi=None)
        assert bmc.boot_device() == BootDevice(BootTarget.DEFAULT)
        bmc.power_on()
        bmc.power_off(soft=0)
        assert responder.board.executed == ["On", "ForceOff"]
        assert responder.asked("PATCH") == 3


def test_supermicro_boots_optical_drives_as_usb_cd(opened):
    with opened("supermicro-x12") as (responder, bmc):
        bmc.set_boot_device(BootTarget.OPTICAL, once=True, efi=None)
        assert responder.board.override["BootSourceOverrideTarget"] == "UsbCd"
        assert bmc.boot_device().target is BootTarget.OPTICAL


def test_an_ilo_in_post_is_asked_again(opened):
    said = recorded("redfish/hpe-ilo5.json")["during_post"]
    message = said["body"]["error"]["@Message.ExtendedInfo"][0]["MessageId"]
    with opened("hpe-ilo5") as (responder, bmc):
        responder.fault(
            {"match": {"method": "PATCH"}, "action": "answer", "status": said["status"], "message": message, "count": 2}
        )
        bmc.set_boot_device(BootTarget.PXE, once=True, efi=None)
        assert bmc.boot_device().once
        assert responder.asked("PATCH") == 3


@pytest.mark.demand("U2")
def test_an_idrac_without_a_free_session_is_told_from_one_that_is_busy(opened):
    said = recorded("redfish/dell-idrac9.json")["no_session"]
    message = said["body"]["error"]["@Message.ExtendedInfo"][0]["MessageId"]
    with pytest.raises(BmcError) as caught, opened("dell-idrac9", slots=0, basic=False, full=(said["status"], message)):
        pytest.fail("opened")
    assert caught.value.fault is BmcFault.NO_SLOT
