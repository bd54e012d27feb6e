from __future__ import annotations

import json

import pytest

from metal.errors import HostError, HostFault
from metal.host.marker import Marker, MarkerState, parse_marker

MARKER = Marker("shop/prod", "n1", 2, "g2-free", MarkerState.CLAIMED, False, "m1")


def test_a_marker_survives_the_way_through_its_file() -> None:
    assert parse_marker(MARKER.to_json().encode(), host="n1") == MARKER


def test_the_file_is_readable_and_does_not_change_by_itself() -> None:
    assert MARKER.to_json() == (
        '{\n "format": 1,\n "generation": 2,\n "host": "n1",\n "life": "g2-free",\n "machine_id": "m1",\n'
        ' "owner": "shop/prod",\n "state": "claimed",\n "wipe": false\n}\n'
    )


def test_a_key_of_a_later_version_is_left_alone() -> None:
    data = {**json.loads(MARKER.to_json()), "colour": "green"}
    assert parse_marker(json.dumps(data).encode(), host="n1") == MARKER


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"owner": ""},
        {"owner": 7},
        {"generation": "2"},
        {"generation": True},
        {"state": "held"},
        {"wipe": 1},
    ],
)
def test_a_wrong_value_is_never_taken_for_no_marker(change: dict[str, object]) -> None:
    data = {**json.loads(MARKER.to_json()), **change}
    with pytest.raises(HostError) as caught:
        parse_marker(json.dumps(data).encode(), host="n1")
    assert caught.value.fault is HostFault.NOT_OURS


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"format": 1}'])
def test_a_broken_file_is_never_taken_for_no_marker(content: bytes) -> None:
    with pytest.raises(HostError, match="owner is not known") as caught:
        parse_marker(content, host="n1")
    assert caught.value.fault is HostFault.NOT_OURS
    assert "remove /var/lib/metalswarm/marker.json" in str(caught.value)
