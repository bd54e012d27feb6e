from __future__ import annotations

from tests.unit.components.registration import register
from tests.unit.small_fleet import document, small_fleet


def test_a_host_that_is_wanted_off_ends_with_its_power_link(told) -> None:
    assert {name for name in told if name.endswith(" n4")} == {"ReadyHost n4", "BootDevice n4", "Power n4"}
    assert told["BootDevice n4"].inputs["life"] == "g1-off"
    assert told["Power n4"].inputs["power"] == "off"


def test_a_host_in_no_pool_is_not_registered(told) -> None:
    assert not [name for name in told if name.endswith(" n5")]


def test_every_link_of_a_protected_host_is_protected_and_nothing_else(tmp_path) -> None:
    wanted = document()
    told = register(small_fleet(tmp_path, wanted, n2={"protected": True}))
    links = {name for name, resource in told.items() if resource.custom and name.endswith(" n2")}
    assert len(links) == 7
    assert {name for name, resource in told.items() if resource.protect} == links


def test_a_host_without_a_bmc_is_told_so(tmp_path) -> None:
    told = register(small_fleet(tmp_path, None, n3={"bmc": "none"}))
    assert told["BootDevice n3"].inputs["bmc"] == {}
