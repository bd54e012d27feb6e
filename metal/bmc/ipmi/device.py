"""Get Device ID (IPMI 2.0 section 20.1)."""

from __future__ import annotations

from dataclasses import dataclass

from metal.bmc.rmcp.frames import Request

__all__ = ["GET_DEVICE_ID", "GET_DEVICE_ID_BYTES", "DeviceId", "decode_device_id"]

GET_DEVICE_ID = Request(0x06, 0x01)
GET_DEVICE_ID_BYTES = 11


@dataclass(frozen=True)
class DeviceId:
    manufacturer: int
    product: int
    firmware: str


def decode_device_id(data: bytes) -> DeviceId:
    """Read the answer's data, without its completion code; 11 bytes at least."""
    minor = data[3]  # binary coded decimal
    return DeviceId(
        manufacturer=int.from_bytes(data[6:9], "little") & 0xFFFFF,
        product=int.from_bytes(data[9:11], "little"),
        firmware=f"{data[2] & 0x7F}.{minor >> 4}{minor & 0x0F}",
    )
