"""The GUID of the managed system (IPMI 2.0 sections 13.21 and 22.14): which metal a BMC belongs to."""

from __future__ import annotations

__all__ = ["spell_guid"]


def spell_guid(guid: bytes) -> str:
    """32 hexadecimal digits in the order of the wire, which vendors do not agree on; good for comparing only.

    Empty for a BMC that gives none: all bytes alike is what firmware shows where nobody has set it.
    """
    return guid.hex() if len(guid) == 16 and len(set(guid)) > 1 else ""
