from __future__ import annotations

from metal.host.clock import Skew, skew_of


def test_half_the_round_trip_is_what_is_not_known() -> None:
    skew = skew_of(100.0, 107.5, 101.0)
    assert skew == Skew(7.0, 0.5)
    assert skew.within(6.5)
    assert not skew.within(6.4)
    assert str(skew) == "7.00 s ahead of ours (known to 0.50 s)"


def test_a_clock_behind_is_bounded_likewise() -> None:
    skew = skew_of(100.0, 95.0, 100.0)
    assert not skew.within(4.9)
    assert "behind" in str(skew)
