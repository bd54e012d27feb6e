from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metal.bmc.rmcp.frames import (
    FrameRejected,
    Payload,
    Request,
    SessionKeys,
    decode_login,
    decode_reply,
    encode_login,
    encode_request,
    seal,
    unseal,
)
from metal.bmc.rmcp.suites import SUITE_3, SUITE_17

ids = st.integers(1, 0xFFFFFFFF)
keys = st.builds(
    SessionKeys,
    st.sampled_from([SUITE_3, SUITE_17]),
    st.binary(min_size=20, max_size=32),
    st.binary(min_size=16, max_size=16),
)
ivs = st.binary(min_size=16, max_size=16)
messages = st.binary(min_size=1, max_size=80)
requests = st.builds(Request, st.integers(0, 31).map(lambda n: n * 2), st.integers(0, 255), st.binary(max_size=30))


@settings(deadline=None)
@given(keys, ids, ids, messages, ivs)
def test_a_sealed_message_comes_out_as_it_went_in(k, session, sequence, message, iv):
    frame = seal(k, session, sequence, message, iv)
    assert unseal(k, session, frame) == message


@settings(deadline=None)
@given(keys, ids, ids, messages, ivs, st.data())
def test_one_changed_bit_anywhere_is_rejected(k, session, sequence, message, iv, data):
    frame = bytearray(seal(k, session, sequence, message, iv))
    bit = data.draw(st.integers(0, len(frame) * 8 - 1))
    frame[bit // 8] ^= 1 << bit % 8
    with pytest.raises(FrameRejected):
        unseal(k, session, bytes(frame))


@settings(deadline=None)
@given(keys, ids, ids, messages, ivs, st.data())
def test_a_shortened_or_lengthened_frame_is_rejected(k, session, sequence, message, iv, data):
    frame = seal(k, session, sequence, message, iv)
    cut = data.draw(st.integers(0, len(frame) - 1))
    for changed in (frame[:cut], frame + bytes(cut % 7 + 1)):
        with pytest.raises(FrameRejected):
            unseal(k, session, changed)


@settings(deadline=None)
@given(keys, keys, ids, ids, messages, ivs)
def test_frames_of_other_keys_and_other_sessions_are_rejected(k, other, session, another, message, iv):
    frame = seal(k, session, 1, message, iv)
    if other.integrity != k.integrity or other.suite != k.suite:
        with pytest.raises(FrameRejected):
            unseal(other, session, frame)
    if another != session:
        with pytest.raises(FrameRejected):
            unseal(k, another, frame)


@settings(deadline=None)
@given(st.binary(max_size=120), ids)
def test_noise_is_rejected_and_nothing_else_happens(noise, session):
    k = SessionKeys(SUITE_3, bytes(20), bytes(16))
    with pytest.raises(FrameRejected):
        unseal(k, session, noise)
    with pytest.raises(FrameRejected):
        decode_login(noise)


@settings(deadline=None)
@given(st.sampled_from([p for p in Payload if p is not Payload.IPMI_SEALED]), st.binary(min_size=2, max_size=80))
def test_a_login_message_comes_out_as_it_went_in(kind, payload):
    assert decode_login(encode_login(kind, payload)) == (kind, payload)
    with pytest.raises(FrameRejected):
        decode_login(encode_login(kind, payload)[:-1])


def answer_to(request: Request, sequence: int, code: int, data: bytes) -> bytes:
    head = bytes((0x81, (request.netfn + 1) << 2))
    body = bytes((0x20, sequence << 2, request.command, code)) + data
    return head + bytes((-sum(head) & 0xFF,)) + body + bytes((-sum(body) & 0xFF,))


@settings(deadline=None)
@given(requests, st.integers(0, 63), st.integers(0, 255), st.binary(max_size=30))
def test_an_answer_is_taken_only_for_its_own_request(request, sequence, code, data):
    message = answer_to(request, sequence, code, data)
    reply = decode_reply(message, request, sequence)
    assert (reply.code, reply.data) == (code, data)
    with pytest.raises(FrameRejected):
        decode_reply(message, request, (sequence + 1) % 64)
    with pytest.raises(FrameRejected):
        decode_reply(message, Request(request.netfn, request.command ^ 1), sequence)


@settings(deadline=None)
@given(requests, st.integers(0, 63))
def test_both_checksums_of_a_request_come_to_zero(request, sequence):
    message = encode_request(request, sequence)
    assert sum(message[:3]) & 0xFF == 0
    assert sum(message[3:]) & 0xFF == 0


@pytest.mark.parametrize("control", range(6))
def test_no_control_may_be_sent_twice(control):
    assert not Request(0, 2, bytes((control,))).repeatable


def test_resets_of_the_bmc_are_sent_once_and_reads_may_be_repeated():
    assert not Request(6, 2).repeatable
    assert not Request(6, 3).repeatable
    assert Request(0, 1).repeatable
    assert Request(0, 8, b"\x05\x80\x04\x00\x00\x00").repeatable


def test_keys_do_not_show():
    shown = repr(SessionKeys(SUITE_3, b"integrity-key", b"aes-key"))
    assert "integrity-key" not in shown
    assert "aes-key" not in shown
