"""What goes over the wire before a login, as bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metal.bmc.ipmi.channel import AuthCapabilities, decode_auth_capabilities, get_cipher_suites, parse_cipher_suites
from metal.bmc.ipmi.guid import likely_uuid, readings
from metal.bmc.ipmi.lan import decode_mac
from metal.bmc.rmcp.frames import FrameRejected, Request
from metal.bmc.rmcp.presence import Pong, decode_pong, encode_ping
from metal.bmc.rmcp.sessionless import decode_sessionless, encode_sessionless

PONG = bytes.fromhex("0600ff06000011be40070010000011be000000008100000000000000")


def test_ping_and_pong() -> None:
    assert encode_ping(0).hex() == "0600ff06000011be80000000"
    assert decode_pong(PONG) == Pong(7, ipmi=True)
    assert decode_pong(PONG[:12]) == Pong(7, ipmi=False)
    assert decode_pong(encode_ping(7)) is None


def test_a_sessionless_request() -> None:
    # As ipmitool sends it: Get Channel Authentication Capabilities, this channel, IPMI 2.0 data, administrator.
    request = Request(0x06, 0x38, b"\x8e\x04")
    assert encode_sessionless(request, 0).hex() == "0600ff07000000000000000000092018c88100388e04b5"
    answer = bytes.fromhex("0600ff0700000000000000000010811c63200038000180040200000000") + b"\x00"
    with pytest.raises(FrameRejected):
        decode_sessionless(answer, request, 0)  # its checksum is wrong
    fixed = answer[:-1] + bytes((-sum(answer[17:-1]) & 0xFF,))
    assert decode_sessionless(fixed, request, 0).data.hex() == "0180040200000000"
    with pytest.raises(FrameRejected):
        decode_sessionless(fixed, request, 1)


@given(st.binary(max_size=80))
def test_noise_is_no_answer(noise: bytes) -> None:
    assert decode_pong(noise) is None or noise[:4] == b"\x06\x00\xff\x06" or noise[0] == 6
    for datagram in (noise, bytes.fromhex("0600ff07") + bytes(9) + noise):
        with pytest.raises(FrameRejected):
            decode_sessionless(datagram, Request(0x06, 0x38), 9)
    parse_cipher_suites(noise)
    decode_auth_capabilities(noise)
    decode_mac(noise)
    readings(noise)


def test_cipher_suites_and_a_makers_own() -> None:
    assert get_cipher_suites(2).data == b"\x0e\x00\x82"
    records = bytes.fromhex("c003014181 c0110344 81 c180a20200034481 c000004080".replace(" ", ""))
    assert parse_cipher_suites(records) == (0, 3, 17)
    assert parse_cipher_suites(records[:6]) == (3,)


def test_what_a_channel_lets_in() -> None:
    assert decode_auth_capabilities(bytes.fromhex("0180040200000000")) == AuthCapabilities(
        True, False, False, False, False
    )
    assert decode_auth_capabilities(bytes.fromhex("0197270300000000")) == AuthCapabilities(True, True, True, True, True)
    assert decode_auth_capabilities(bytes.fromhex("011504")) is None
    assert decode_auth_capabilities(bytes.fromhex("01150403")) == AuthCapabilities(False, False, False, True, False)


@pytest.mark.parametrize(
    ("wire", "uuid"),
    [
        ("4c4c454400424b108056b7c04f4a3132", "4c4c4544-0042-4b10-8056-b7c04f4a3132"),  # as it reads
        ("44454c4c4200104b8056b7c04f4a3132", "4c4c4544-0042-4b10-8056-b7c04f4a3132"),  # as SMBIOS has it
        ("32314a4fc0b75680104b420044454c4c", "4c4c4544-0042-4b10-8056-b7c04f4a3132"),  # as IPMI asks for it
        ("00" * 16, ""),
        ("a1234567a123c567012345677f000901", ""),
    ],
)
def test_a_guid_as_a_uuid(wire: str, uuid: str) -> None:
    assert likely_uuid(bytes.fromhex(wire)) == uuid
    if uuid:
        assert uuid in readings(bytes.fromhex(wire))


def test_a_mac() -> None:
    assert decode_mac(bytes.fromhex("110025b5aa0113")) == "00:25:b5:aa:01:13"
    assert decode_mac(bytes.fromhex("11000000000000")) == ""
    assert decode_mac(b"\x11\x00") == ""
