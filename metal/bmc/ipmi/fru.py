"""A machine's own description of itself: FRU information (Platform Management FRU definition 1.0, revision 1.3).

Read in small pieces, because BMCs differ in how much they give at once. What is damaged counts as not there: a serial
number is taken for an identity, and a wrong one would make one machine pass for another.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from metal.bmc.rmcp.frames import Reply, Request
from metal.bmc.serial import own_serial

__all__ = ["Fru", "parse_area", "parse_fru", "read_fru"]

_HEADER_BYTES = 8
_UNIT = 8
_VERSION = 1
_END = 0xC1
_PIECE = 16
_SMALL_PIECE = 8
_MOST = 4096
# "Cannot return that many bytes" in its several spellings: wrong length, too long, out of range.
_TOO_MUCH = {0xC7, 0xC8, 0xC9, 0xCA}
_BCD = "0123456789 -.???"


@dataclass(frozen=True)
class Fru:
    """Empty where the machine does not say, or its maker has left the field as it came.

    :ivar serial: the product's, which is what the system's firmware calls its serial number.
    :ivar chassis_serial, board_serial: others that may stand on its label.
    """

    maker: str = ""
    product: str = ""
    serial: str = ""
    chassis_serial: str = ""
    board_serial: str = ""

    @property
    def serials(self) -> tuple[str, ...]:
        return tuple(each for each in (self.serial, self.chassis_serial, self.board_serial) if each)


def read_fru(ask: Callable[[Request, str], Reply], device: int = 0) -> Fru:
    """Ask a BMC.

    :param ask: sends a request to it; gets the request in field terms too.
    :returns: an empty one where it has none.
    """
    info = ask(Request(0x0A, 0x10, bytes((device,))), "Get FRU Inventory Area Info")
    if info.code or len(info.data) < 3:
        return Fru()
    size = min(struct.unpack_from("<H", info.data)[0], _MOST)
    word = 2 if info.data[2] & 1 else 1

    def read(offset: int, count: int) -> bytes:
        found = b""
        piece = _PIECE
        end = min(offset + count, size)
        while (at := offset + len(found)) < end:
            wanted = min(piece, end - at)
            request = Request(0x0A, 0x11, struct.pack("<BHB", device, at // word, max(1, wanted // word)))
            reply = ask(request, "Read FRU Data")
            if reply.code in _TOO_MUCH and piece > _SMALL_PIECE:
                piece = _SMALL_PIECE
                continue
            data = reply.data[1 : 1 + wanted]
            if reply.code or not data:
                break
            found += data
        return found

    return parse_fru(read)


def parse_fru(read: Callable[[int, int], bytes]) -> Fru:
    """The description from its areas.

    :param read: bytes from an offset on, at most so many; fewer where there are no more.
    """
    header = read(0, _HEADER_BYTES)
    if len(header) < _HEADER_BYTES or header[0] & 0x0F != _VERSION or sum(header) & 0xFF:
        return Fru()
    # Fields: chassis after its type, board after language and date, product after its language.
    chassis = _area(read, header[2], 3)
    board = _area(read, header[3], 6)
    product = _area(read, header[4], 3)
    return Fru(
        maker=_at(product, 0) or _at(board, 0),
        product=_at(product, 1) or _at(board, 1),
        serial=own_serial(_at(product, 4)),
        chassis_serial=own_serial(_at(chassis, 1)),
        board_serial=own_serial(_at(board, 2)),
    )


def _area(read: Callable[[int, int], bytes], start: int, skip: int) -> tuple[str, ...]:
    if not start:
        return ()
    head = read(start * _UNIT, 2)
    if len(head) < 2 or head[0] & 0x0F != _VERSION:
        return ()
    length = head[1] * _UNIT
    data = read(start * _UNIT, length)
    return parse_area(data, skip) if len(data) == length else ()


def parse_area(data: bytes, skip: int) -> tuple[str, ...]:
    """The fields of one area; none where its checksum is wrong.

    :param skip: bytes before the first field.
    """
    if not data or sum(data) & 0xFF:
        return ()
    fields: list[str] = []
    at, end = skip, len(data) - 1
    while at < end and data[at] != _END:
        kind, length = data[at] >> 6, data[at] & 0x3F
        if at + 1 + length > end:
            break
        fields.append(_text(kind, data[at + 1 : at + 1 + length]))
        at += 1 + length
    return tuple(fields)


def _text(kind: int, data: bytes) -> str:
    if kind == 1:
        text = "".join(_BCD[nibble] for byte in data for nibble in (byte >> 4, byte & 0x0F))
    elif kind == 2:
        text = _six_bit(data)
    elif kind == 3:
        text = data.decode("latin-1")
    else:
        return ""  # binary: no text
    text = text.strip("\0 \t\r\n\xff")
    return text if text.isprintable() else ""


def _six_bit(data: bytes) -> str:
    """Characters of six bits, the lowest first, each 0x20 above its value."""
    bits = int.from_bytes(data, "little")
    return "".join(chr((bits >> 6 * index & 0x3F) + 0x20) for index in range(len(data) * 8 // 6))


def _at(fields: tuple[str, ...], index: int) -> str:
    return fields[index] if index < len(fields) else ""
