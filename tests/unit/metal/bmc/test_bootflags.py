from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metal.bmc.ipmi.bootflags import decode_boot_flags, encode_boot_flags
from metal.bmc.protocol import BootDevice, BootTarget
from metal.bmc.quirk_table import QUIRKS
from metal.bmc.quirks import BOOK, Treatment

TREATMENTS = [BOOK, *(Treatment(**dict(row.treat)) for row in QUIRKS)]
SETTABLE = [t for t in BootTarget if t not in (BootTarget.REMOTE, BootTarget.DEFAULT)]
devices = st.builds(BootDevice, st.sampled_from(SETTABLE), st.booleans(), st.booleans()) | st.just(
    BootDevice(BootTarget.DEFAULT)
)


@settings(deadline=None)
@given(devices, st.sampled_from(TREATMENTS))
def test_what_is_written_is_what_is_read(device, treatment):
    assert decode_boot_flags(b"\x01\x05" + encode_boot_flags(device, treatment), treatment) == device


@pytest.mark.parametrize(
    ("device", "flags"),
    [
        (BootDevice(BootTarget.PXE, once=True), "8004000000"),
        (BootDevice(BootTarget.PXE, once=False), "c004000000"),
        (BootDevice(BootTarget.PXE, once=True, efi=True), "a004000000"),
        (BootDevice(BootTarget.DISK, once=False, efi=True), "e008000000"),
        (BootDevice(BootTarget.OPTICAL, once=True), "8014000000"),
        (BootDevice(BootTarget.SETUP, once=True), "8018000000"),
        (BootDevice(BootTarget.USB, once=True), "803c000000"),
        (BootDevice(BootTarget.DEFAULT), "0000000000"),
    ],
)
def test_bytes_by_the_book(device, flags):
    assert encode_boot_flags(device, BOOK).hex() == flags


@pytest.mark.parametrize("data", ["01050004000000", "01858004000000"])
def test_consumed_or_locked_flags_are_no_override(data):
    assert decode_boot_flags(bytes.fromhex(data), BOOK) == BootDevice(BootTarget.DEFAULT)


@pytest.mark.parametrize("data", ["01048004000000", "01058028000000", "01058038000000"])
def test_what_the_book_does_not_know_is_an_error(data):
    with pytest.raises(ValueError, match=r"boot option|reserved"):
        decode_boot_flags(bytes.fromhex(data), BOOK)


def test_redirected_media_are_seen_and_not_set():
    assert decode_boot_flags(bytes.fromhex("01058020000000"), BOOK).target is BootTarget.REMOTE
    with pytest.raises(ValueError, match="cannot be set"):
        encode_boot_flags(BootDevice(BootTarget.REMOTE), BOOK)
