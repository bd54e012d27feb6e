"""The GUID of the managed system (IPMI 2.0 sections 13.21 and 22.14): which metal a BMC belongs to."""

from __future__ import annotations

from uuid import RFC_4122, UUID

from metal.bmc.rmcp.frames import Request

__all__ = ["GET_SYSTEM_GUID", "likely_uuid", "readings", "spell_guid"]

GET_SYSTEM_GUID = Request(0x06, 0x37)
_VERSIONS = range(1, 6)
_RANDOM = 4


def spell_guid(guid: bytes) -> str:
    """32 hexadecimal digits in the order of the wire, which vendors do not agree on; good for comparing only.

    Empty for a BMC that gives none: all bytes alike is what firmware shows where nobody has set it.
    """
    return guid.hex() if len(guid) == 16 and len(set(guid)) > 1 else ""


def readings(guid: bytes) -> tuple[str, ...]:
    """Every UUID that these bytes may be meant as: as they come (RFC 4122), as SMBIOS has them, as IPMI asks for."""
    if not spell_guid(guid):
        return ()
    return tuple(str(each) for each in (UUID(bytes=guid), UUID(bytes_le=guid), UUID(bytes=guid[::-1])))


def likely_uuid(guid: bytes) -> str:
    """The reading that is a UUID by its own version and variant; empty where that does not tell the order apart.

    RFC 4122 and SMBIOS differ in fields that are compared in both orders, so either will do; the one that calls itself
    random is mostly right.
    """
    forward, backward = (_plausible(some) for some in (readings(guid)[:2], readings(guid)[2:]))
    return "" if forward and backward else forward or backward


def _plausible(texts: tuple[str, ...]) -> str:
    fits = [text for text in texts if (uuid := UUID(text)).variant == RFC_4122 and uuid.version in _VERSIONS]
    return next((text for text in fits if UUID(text).version == _RANDOM), fits[0] if fits else "")
