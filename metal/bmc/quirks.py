"""Where BMCs differ from the book, as data: rows matched by maker, product and firmware, each with its source."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any

__all__ = ["BOOK", "BootMode", "Device", "Quirk", "Treatment", "asks_firmware", "manufacturer_name", "treatment_of"]


class BootMode(StrEnum):
    """When `BootSourceOverrideMode` goes along with an override."""

    WHEN_ASKED = "when a mode is asked for"
    SEND = "always, where the BMC shows one"
    OMIT = "never"


@dataclass(frozen=True)
class Treatment:
    """How a BMC wants to be treated; each default is what the book says.

    :ivar efi_disk: IPMI device selector for "disk" with the EFI bit (boot flags, second byte), where the book's 0x08 is
        taken for a legacy disk; 0 for the book's.
    :ivar boot_mode: Redfish: whether the boot mode is sent.
    :ivar cleared_target: Redfish: the target to send along when an override is disabled.
    :ivar optical: Redfish: the target that boots an optical drive, where the BMC offers it.
    :ivar busy: Redfish: keys of messages that mean "not now": the same request is taken some time later.
    :ivar full: Redfish: keys of messages that mean that no session is free.
    :ivar serial: Redfish: the property with the serial number that the system's own firmware shows.
    """

    efi_disk: int = 0
    boot_mode: BootMode = BootMode.WHEN_ASKED
    cleared_target: str = "None"
    optical: str = "Cd"
    busy: tuple[str, ...] = ()
    full: tuple[str, ...] = ()
    serial: str = "SerialNumber"


BOOK = Treatment()


@dataclass(frozen=True)
class Device:
    """A BMC as it shows itself.

    :ivar enterprise: IANA number from Get Device ID; 0 where it was not asked over IPMI.
    :ivar maker: manufacturer in words, as Redfish gives it.
    :ivar product: IPMI product id as `0x0a2b`, or Redfish model and product names.
    :ivar firmware: of the BMC; empty where it is not known.
    """

    enterprise: int = 0
    maker: str = ""
    product: str = ""
    firmware: str = ""


@dataclass(frozen=True)
class Quirk:
    """One deviation of one family. A condition that is not given holds for all.

    :ivar family: for people.
    :ivar treat: a field of :class:`Treatment` and its value, each.
    :ivar source: who says so.
    :ivar recorded: a recorded reply under `tests/recorded/` that shows the family.
    :ivar enterprises: IANA numbers.
    :ivar makers: words of which the maker's name has one, in lower case.
    :ivar products: words of which the product has one, likewise.
    :ivar since: first firmware version that has it.
    :ivar until: first firmware version that has it no more.
    """

    family: str
    treat: tuple[tuple[str, Any], ...]
    source: str
    recorded: str
    enterprises: frozenset[int] = frozenset()
    makers: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    since: str = ""
    until: str = ""

    def fits(self, device: Device) -> bool:
        """Whether it holds for this BMC; a firmware version that is not known fits no bound."""
        named = device.enterprise in self.enterprises or _has(device.maker, self.makers)
        if not named or (self.products and not _has(device.product, self.products)):
            return False
        if (self.since or self.until) and not device.firmware:
            return False
        version = _version(device.firmware)
        return (not self.since or version >= _version(self.since)) and (
            not self.until or version < _version(self.until)
        )


def treatment_of(device: Device, rows: Sequence[Quirk] | None = None) -> Treatment:
    """All rows that fit, the first one winning where two say something of the same.

    :param rows: None for the table.
    """
    known = {item.name for item in fields(Treatment)}
    found: dict[str, Any] = {}
    for row in _table() if rows is None else rows:
        if row.fits(device):
            for name, value in row.treat:
                assert name in known, name
                found.setdefault(name, value)
    return Treatment(**found)


def asks_firmware(device: Device, rows: Sequence[Quirk] | None = None) -> bool:
    """Whether a row would fit this BMC for some versions of its firmware only, so that it is worth asking for."""
    return any(
        (row.since or row.until) and replace(row, since="", until="").fits(device)
        for row in (_table() if rows is None else rows)
    )


def _table() -> Sequence[Quirk]:
    from metal.bmc.quirk_table import QUIRKS  # which is made of what stands here

    return QUIRKS


# Enterprise numbers assigned by IANA; 47488 is what some Supermicro boards report in place of 10876 (FreeIPMI,
# ipmi-iana-enterprise-numbers-spec.h).
_NAMES = {2: "IBM", 11: "HPE", 343: "Intel", 674: "Dell", 10876: "Supermicro", 47488: "Supermicro", 19046: "Lenovo"}


def manufacturer_name(manufacturer: int) -> str:
    """Name behind an IANA enterprise number, else the number as text."""
    return _NAMES.get(manufacturer, f"enterprise {manufacturer}")


def _has(text: str, words: Sequence[str]) -> bool:
    return any(re.search(rf"\b{re.escape(word)}\b", text.lower()) for word in words)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text))
