"""FRU information: against a second reader, in pieces, with every kind of text, and damaged in every place."""

from __future__ import annotations

import struct
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyghmi.ipmi.fru import FRU

from metal.bmc.ipmi.fru import Fru, parse_area, parse_fru, read_fru
from metal.bmc.rmcp.frames import Reply, Request
from tests.unit.metal.bmc.fru_image import fru_image, text_field

GOLDEN = Path(__file__).parents[3] / "golden" / "bmc"
IMAGE = fru_image()
WHOLE = Fru("ACME", "Server 1", "SN0001", "CH0001", "BD0001")


def parse(image: bytes) -> Fru:
    return parse_fru(lambda offset, count: image[offset : offset + count])


def test_what_it_says() -> None:
    assert parse(IMAGE) == WHOLE
    assert WHOLE.serials == ("SN0001", "CH0001", "BD0001")


def test_the_image_that_the_simulator_serves() -> None:
    image = bytes.fromhex((GOLDEN / "fru-server.hex").read_text(encoding="utf-8"))
    assert parse(image) == Fru("ACME", "Server 1", "7XK2PQ1", "CH7XK2", "CN7016356R0")


def test_another_reader_says_the_same() -> None:
    theirs = FRU(rawdata=bytearray(IMAGE)).info
    assert (theirs["Manufacturer"], theirs["Product name"], theirs["Serial Number"]) == ("ACME", "Server 1", "SN0001")
    assert theirs["Chassis serial number"] == WHOLE.chassis_serial
    assert theirs["Board serial number"] == WHOLE.board_serial


@pytest.mark.parametrize(
    ("kind", "data", "text"),
    [
        (1, bytes.fromhex("1234a5"), "1234 5"),
        (2, bytes.fromhex("29dca6"), "IPMI"),  # the example of the definition, section 13.3
        (3, b"  SN-1 \0\0", "SN-1"),
        (3, b"\xff\xff\xff\xff", ""),
        (3, b"SN\x1b[2J", ""),
        (0, b"\x01\x02", ""),
    ],
)
def test_kinds_of_text(kind: int, data: bytes, text: str) -> None:
    area = bytes((1, 2, 0)) + bytes((kind << 6 | len(data),)) + data + b"\xc1"
    assert parse_area(area + bytes((-sum(area) & 0xFF,)), 3) == (text,)


@pytest.mark.parametrize("filler", ["", "0000000", "N/A", "To be filled by O.E.M.", "Default string", "XXXXXX", "None"])
def test_what_a_maker_forgot_is_no_serial_number(filler: str) -> None:
    assert parse(fru_image(serial=filler)).serial == ""


def test_areas_that_are_missing() -> None:
    header = bytes((1, 0, 0, 0, 0, 0, 0, 0xFF))
    assert parse(header) == Fru()
    assert parse(b"") == Fru()
    assert parse(bytes(8)) == Fru()


@given(at=st.integers(0, len(IMAGE) - 1), bit=st.integers(0, 7))
def test_one_wrong_bit_makes_no_other_serial_number(at: int, bit: int) -> None:
    damaged = bytearray(IMAGE)
    damaged[at] ^= 1 << bit
    found = parse(bytes(damaged))
    for each in fields(Fru):
        assert getattr(found, each.name) in (getattr(WHOLE, each.name), "", "Board 1")


@given(cut=st.integers(0, len(IMAGE)))
def test_an_image_cut_short(cut: int) -> None:
    found = parse(IMAGE[:cut])
    assert found.serial in ("", WHOLE.serial)


@given(st.binary(max_size=400))
def test_noise_is_read_to_its_end(noise: bytes) -> None:
    parse(noise)
    parse(bytes((1, 0, 1, 1, 1, 0, 0, 0xFC)) + noise)


class Bmc:
    """Serves an image.

    :param most: bytes that it gives at once.
    :param words: it counts in words of two bytes.
    """

    def __init__(self, image: bytes, *, most: int = 255, words: bool = False, stops_after: int = 999) -> None:
        self.image, self.most, self.words, self.left = image, most, words, stops_after
        self.asked: list[int] = []

    def __call__(self, request: Request, what: str) -> Reply:
        if request.command == 0x10:
            return Reply(0, struct.pack("<HB", len(self.image), self.words))
        _, offset, count = struct.unpack("<BHB", request.data)
        self.asked.append(count)
        self.left -= 1
        scale = 2 if self.words else 1
        if self.left < 0:
            return Reply(0xFF, b"")
        if count * scale > self.most:
            return Reply(0xCA, b"")
        data = self.image[offset * scale : (offset + count) * scale]
        return Reply(0, bytes((len(data) // scale,)) + data)


@pytest.mark.parametrize("how", [{}, {"most": 8}, {"words": True}, {"words": True, "most": 8}])
def test_read_in_pieces(how: dict[str, int]) -> None:
    bmc = Bmc(IMAGE, **how)
    assert read_fru(bmc) == WHOLE
    assert max(bmc.asked) <= 16


@pytest.mark.parametrize("answers", range(12))
def test_a_bmc_that_stops_in_the_middle(answers: int) -> None:
    assert read_fru(Bmc(IMAGE, stops_after=answers)).serial in ("", WHOLE.serial)


def test_a_bmc_that_gives_nothing_and_says_that_it_does() -> None:
    def ask(request: Request, what: str) -> Reply:
        return Reply(0, b"\xff\xff\x00" if request.command == 0x10 else b"\x00")

    assert read_fru(ask) == Fru()
    assert read_fru(lambda request, what: Reply(0xC1, b"")) == Fru()


def test_a_long_field_is_text_like_any_other() -> None:
    assert text_field("A" * 60)[0] == 0xC0 | 60
    assert parse(fru_image(product="A" * 60)).product == "A" * 60
