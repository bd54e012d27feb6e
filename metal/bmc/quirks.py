"""Where BMCs differ from the book, as data: matched by Get Device ID, each row with its source."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["QUIRKS", "Quirk", "manufacturer_name", "quirk_of"]


@dataclass(frozen=True)
class Quirk:
    """How one family of BMCs wants to be treated.

    :ivar manufacturers: IANA enterprise numbers as Get Device ID gives them.
    :ivar products: product ids, or None for all of that manufacturer.
    :ivar efi_disk: device selector for "disk" with the EFI bit (boot flags, second byte), where the book's 0x08 is
        taken for a legacy disk.
    :ivar source: who says so.
    """

    manufacturers: frozenset[int]
    source: str
    products: frozenset[int] | None = None
    efi_disk: int | None = None


# 47488 is what some Supermicro boards report in place of 10876 (FreeIPMI, ipmi-iana-enterprise-numbers-spec.h).
_SUPERMICRO = frozenset({10876, 47488})

QUIRKS: tuple[Quirk, ...] = (
    Quirk(
        manufacturers=_SUPERMICRO,
        efi_disk=0x24,
        source="OpenStack Ironic, story 2008241: Supermicro boots UEFI disks by selector 0x24",
    ),
)

_BOOK = Quirk(manufacturers=frozenset(), source="IPMI 2.0")

_NAMES = {2: "IBM", 11: "HPE", 343: "Intel", 674: "Dell", 10876: "Supermicro", 47488: "Supermicro", 19046: "Lenovo"}


def quirk_of(manufacturer: int, product: int) -> Quirk:
    """The first row that matches, else one that keeps to the book."""
    for row in QUIRKS:
        if manufacturer in row.manufacturers and (row.products is None or product in row.products):
            return row
    return _BOOK


def manufacturer_name(manufacturer: int) -> str:
    """Name behind an IANA enterprise number, else the number as text."""
    return _NAMES.get(manufacturer, f"enterprise {manufacturer}")
