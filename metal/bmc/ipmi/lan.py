"""LAN configuration parameters (IPMI 2.0 section 23.2): the BMC's own MAC address. No I/O."""

from __future__ import annotations

from metal.bmc.rmcp.frames import Request

__all__ = ["GET_MAC", "decode_mac"]

_THIS_CHANNEL = 0x0E
_MAC = 5

GET_MAC = Request(0x0C, 0x02, bytes((_THIS_CHANNEL, _MAC, 0, 0)))


def decode_mac(data: bytes) -> str:
    """Lower case, with colons; empty where the BMC gives none.

    :param data: parameter revision, six bytes.
    """
    mac = data[1:7]
    return mac.hex(":") if len(mac) == 6 and len(set(mac)) > 1 else ""
