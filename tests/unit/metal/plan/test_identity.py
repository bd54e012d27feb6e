from __future__ import annotations

import pytest

from metal.plan.identity import differences, is_replaced, other_bmc, refuse_other_metal

MAC, OTHER = "52:54:00:00:00:01", "52:54:00:00:00:02"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ({}, {"serial": "S1"}, ()),
        ({"serial": "S1"}, {}, ()),
        ({"serial": "S1"}, {"serial": "s1"}, ()),
        ({"serial": "S1"}, {"serial": "S2"}, ("serial S1 became S2",)),
        ({"serial": "S1", "uuid": "a"}, {"serial": "S1", "uuid": "b"}, ("uuid a became b",)),
        ({"macs": [MAC]}, {"macs": [OTHER]}, (f"MACs {MAC} became {OTHER}",)),
        ({"macs": [MAC]}, {"macs": [OTHER, MAC]}, ()),
        ({"serial": "S1", "macs": [MAC]}, {"serial": "S1", "macs": [OTHER]}, ()),
    ],
)
def test_what_contradicts_the_last_run(old, new, told) -> None:
    assert differences(old, new) == told


def link(generation=1, address="10.9.0.1", **expect):
    bmc = {"address": address, "port": 623, "credentials": "default"}
    return {"host": "n5", "generation": generation, "bmc": bmc, "expect": expect}


def test_only_a_raised_generation_lets_other_metal_in() -> None:
    refused = refuse_other_metal(link(serial="S1"), link(serial="S2"))
    assert refused
    assert refused.reason.startswith("n5: other metal under its name (serial S1 became S2)")
    assert refuse_other_metal(link(serial="S1"), link(2, serial="S2")) is None
    assert refuse_other_metal({}, link(serial="S2")) is None


@pytest.mark.parametrize(
    ("new", "replaced"),
    [
        (link(2, serial="S1"), False),
        (link(2, serial="S2"), True),
        (link(2, "10.9.0.2", serial="S1"), True),
        (link(1, "10.9.0.2", serial="S1"), False),
        (link(1, serial="S2"), False),
    ],
)
def test_a_raised_generation_with_another_identity_or_bmc_is_other_metal(new, replaced) -> None:
    assert is_replaced(link(serial="S1"), new) is replaced


def test_a_bmc_is_told_by_its_guid_where_it_has_one() -> None:
    assert other_bmc("", "bb", address="10.9.0.1") is None
    assert other_bmc("aa", "", address="10.9.0.1") is None
    assert other_bmc("aa", "aa", address="10.9.0.1") is None
    refused = other_bmc("aa", "bb", address="10.9.0.1")
    assert refused
    assert "GUID bb, was aa" in refused.reason


def test_guids_of_two_protocols_are_two_numbers_of_one_machine() -> None:
    uuid = "uuid:4c4c4544-0042-4b10-8056-b7c04f4a3132"
    assert other_bmc("a1b2", uuid, address="10.9.0.1") is None
    assert other_bmc(uuid, uuid, address="10.9.0.1") is None
    assert other_bmc(uuid, "serial:S1", address="10.9.0.1") is None
    assert other_bmc(uuid, "uuid:00000000-0042-4b10-8056-b7c04f4a3132", address="10.9.0.1")


@pytest.mark.parametrize(
    ("change", "replaced"),
    [
        ({"protocol": "redfish", "port": 443}, False),
        ({"protocol": "auto"}, False),
        ({"port": 624}, True),
        ({"protocol": "redfish", "port": 443, "address": "10.9.0.2"}, True),
        ({"system": "blade2"}, True),
    ],
)
def test_another_protocol_of_the_same_bmc_is_no_other_metal(change, replaced) -> None:
    was, will = link(serial="S1"), link(2, serial="S1")
    bmc = {"address": "10.9.0.1", "port": 623, "protocol": "ipmi", "system": "blade1"}
    assert is_replaced({**was, "bmc": bmc}, {**will, "bmc": {**bmc, **change}}) is replaced
