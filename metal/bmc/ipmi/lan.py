"""LAN configuration parameters (IPMI 2.0 section 23.2): addresses and MAC of the BMC itself. No I/O."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from metal.bmc.rmcp.frames import Request

__all__ = [
    "GET_MAC",
    "decode_address",
    "decode_address6",
    "decode_mac",
    "decode_source",
    "decode_vlan",
    "get_address",
    "get_address6",
    "get_mac",
    "get_source",
    "get_vlan",
]

_THIS_CHANNEL = 0x0E
_ADDRESS, _SOURCE, _MAC, _VLAN = 3, 4, 5, 20
_STATIC6, _DYNAMIC6 = 56, 59
_SOURCES = {1: "static", 2: "DHCP", 3: "BIOS", 4: "other"}
_SOURCES6 = {0: "static", 1: "SLAAC", 2: "DHCPv6"}
_ACTIVE = 0


def _get(channel: int, parameter: int, selector: int = 0) -> Request:
    return Request(0x0C, 0x02, bytes((channel, parameter, selector, 0)))


GET_MAC = _get(_THIS_CHANNEL, _MAC)


def get_address(channel: int) -> Request:
    return _get(channel, _ADDRESS)


def get_source(channel: int) -> Request:
    return _get(channel, _SOURCE)


def get_mac(channel: int) -> Request:
    return _get(channel, _MAC)


def get_vlan(channel: int) -> Request:
    return _get(channel, _VLAN)


def get_address6(channel: int, number: int, *, dynamic: bool) -> Request:
    """One of the IPv6 addresses, which are numbered from 0: those set by hand, or those that came by themselves."""
    return _get(channel, _DYNAMIC6 if dynamic else _STATIC6, number)


def decode_mac(data: bytes) -> str:
    """Lower case, with colons; empty where the BMC gives none.

    :param data: parameter revision, six bytes.
    """
    mac = data[1:7]
    return mac.hex(":") if len(mac) == 6 and len(set(mac)) > 1 else ""


def decode_address(data: bytes) -> str:
    """Empty where none is set.

    :param data: parameter revision, four bytes.
    """
    address = data[1:5]
    return str(IPv4Address(address)) if len(address) == 4 and len(set(address)) > 1 else ""


def decode_source(data: bytes) -> str:
    """Where the IPv4 address comes from, in a word; empty where that is not told."""
    return _SOURCES.get(data[1] & 0x0F, "") if len(data) > 1 else ""


def decode_vlan(data: bytes) -> int | None:
    """Number of the VLAN that the BMC speaks in; None for none."""
    if len(data) < 3 or not data[2] & 0x80:
        return None
    return data[1] | (data[2] & 0x0F) << 8


def decode_address6(data: bytes) -> tuple[str, str]:
    """Address and where it comes from; both empty where it is not in use.

    :param data: parameter revision, number, source, 16 bytes of address, length of its prefix, status (table 23-4).
    """
    if len(data) < 21 or data[20] != _ACTIVE or not any(data[3:19]):
        return "", ""
    return str(IPv6Address(data[3:19])), _SOURCES6.get(data[2] & 0x0F, "")
