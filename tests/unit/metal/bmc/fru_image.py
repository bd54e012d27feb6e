"""FRU information written from its definition, as a factory does; shares no code with what reads it."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["fru_image", "text_field"]


def text_field(text: str) -> bytes:
    data = text.encode("latin-1")
    return bytes((0xC0 | len(data),)) + data


def _area(head: bytes, fields: Sequence[bytes]) -> bytes:
    body = head + b"".join(fields) + b"\xc1"
    length = -(-(len(body) + 1 + 2) // 8)
    area = bytes((1, length)) + body
    area += bytes(length * 8 - 1 - len(area))
    return area + bytes((-sum(area) & 0xFF,))


def fru_image(
    *,
    maker: str = "ACME",
    product: str = "Server 1",
    serial: str = "SN0001",
    chassis_serial: str = "CH0001",
    board_serial: str = "BD0001",
) -> bytes:
    field = text_field
    chassis = _area(b"\x17", [field("CH-PART"), field(chassis_serial)])
    board = _area(b"\x19\x00\x00\x00", [field(maker), field("Board 1"), field(board_serial), field("B-PART"), b"\xc0"])
    goods = _area(
        b"\x19", [field(maker), field(product), field("P-1"), field("A0"), field(serial), field("TAG"), b"\xc0"]
    )
    at, offsets = 1, []
    for area in (chassis, board, goods):
        offsets.append(at)
        at += len(area) // 8
    header = bytes((1, 0, *offsets, 0, 0))
    return header + bytes((-sum(header) & 0xFF,)) + chassis + board + goods
