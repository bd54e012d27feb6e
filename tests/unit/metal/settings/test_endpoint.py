from __future__ import annotations

import pytest

from metal.settings.endpoint import bracketed, every_address, with_port


@pytest.mark.demand("R3")
@pytest.mark.parametrize(
    ("address", "alone", "at", "all_of_them"),
    [
        ("10.0.0.1", "10.0.0.1", "10.0.0.1:2376", "0.0.0.0"),
        ("n1.example.net", "n1.example.net", "n1.example.net:2376", "0.0.0.0"),
        ("fd00::1", "[fd00::1]", "[fd00::1]:2376", "[::]"),
    ],
)
def test_an_address_with_a_port(address: str, alone: str, at: str, all_of_them: str) -> None:
    assert (bracketed(address), with_port(address, 2376), every_address(address)) == (alone, at, all_of_them)
