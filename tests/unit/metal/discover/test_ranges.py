from __future__ import annotations

import pytest

from metal.discover.ranges import MOST, parse_ranges
from metal.errors import SettingsError


@pytest.mark.parametrize(
    ("texts", "addresses"),
    [
        (["10.9.1.0/30"], ("10.9.1.1", "10.9.1.2")),
        (["10.9.1.4/31"], ("10.9.1.4", "10.9.1.5")),
        (["10.9.1.7"], ("10.9.1.7",)),
        (["10.9.1.254-10.9.2.1"], ("10.9.1.254", "10.9.1.255", "10.9.2.0", "10.9.2.1")),
        (["10.9.1.3-5"], ("10.9.1.3", "10.9.1.4", "10.9.1.5")),
        (["10.9.1.3,10.9.1.1", "10.9.1.3 10.9.1.2"], ("10.9.1.3", "10.9.1.1", "10.9.1.2")),
        (["2001:db8::fffe-2001:db8::1:0"], ("2001:db8::fffe", "2001:db8::ffff", "2001:db8::1:0")),
        (["fd00::/127"], ("fd00::", "fd00::1")),
    ],
)
def test_addresses(texts: list[str], addresses: tuple[str, ...]) -> None:
    assert parse_ranges(texts) == addresses


def test_a_16_is_the_most_and_no_list_is_made_of_more() -> None:
    assert len(parse_ranges(["10.9.0.0/16"])) == MOST - 2
    for text in ("10.0.0.0/8", "fd00::/64", "10.9.0.0/16,10.10.0.0/16"):
        with pytest.raises(SettingsError, match=r"(?s)allowed: at most 65536 in one run.*name the network"):
            parse_ranges([text])


def test_every_part_that_is_not_understood_is_named() -> None:
    with pytest.raises(SettingsError) as caught:
        parse_ranges(["10.9.1.1/24", "rack1", "10.9.1.9-10.9.1.3,10.9.1.1-fd00::1", "10.9.1.300"])
    assert [line.partition(";")[0] for line in caught.value.problems] == [
        "RANGE = 10.9.1.1/24: is not a network, or has bits set beyond its length",
        "RANGE = rack1: is not understood",
        "RANGE = 10.9.1.9-10.9.1.3: ends before it begins",
        "RANGE = 10.9.1.1-fd00::1: goes from IPv4 to IPv6",
        "RANGE = 10.9.1.300: is not understood",
    ]
    with pytest.raises(SettingsError, match="is empty"):
        parse_ranges([" , "])
