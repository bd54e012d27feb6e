from __future__ import annotations

import pytest

from components.outputs import fleet_outputs
from tests.unit.small_fleet import document, small_fleet


def test_what_the_stack_exports_is_known_to_a_preview(fleet) -> None:
    outputs = fleet_outputs(fleet)
    assert outputs["clusters"]["blue"] == {
        "managers": {"n1": "tcp://10.0.0.1:2475"},
        "workers": ["n2"],
        "consul_servers": ["n1"],
        "container_managers": ["n1"],
    }
    assert outputs["hosts"]["n4"] == {"address": "10.0.0.4", "purpose": "free", "power": "off"}
    assert list(outputs["hosts"]) == ["n1", "n2", "n3", "n4"]


def test_the_port_of_a_kept_engine_is_not_promised(tmp_path) -> None:
    wanted = document()
    wanted["pools"]["core"] |= {"engine": "keep", "generation": 0}
    assert fleet_outputs(small_fleet(tmp_path, wanted))["clusters"]["blue"]["managers"] == {}


@pytest.mark.demand("R3")
def test_where_a_manager_at_an_ipv6_address_answers(tmp_path) -> None:
    six = small_fleet(tmp_path, n1={"address": "fd00::1"})
    assert fleet_outputs(six)["clusters"]["blue"]["managers"] == {"n1": "tcp://[fd00::1]:2475"}
    assert fleet_outputs(six)["hosts"]["n1"]["address"] == "fd00::1"
