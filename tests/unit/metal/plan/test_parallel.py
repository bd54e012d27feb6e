from __future__ import annotations

import pytest

from metal.errors import PlanRefused
from metal.plan.parallel import advice, needed_operations
from tests.unit.small_fleet import document, small_fleet

WELL = {"PULUMI_PARALLEL": "64", "PULUMI_CONTINUE_ON_ERROR": "true"}


@pytest.fixture
def fleet(tmp_path):
    wanted = document()
    wanted["clusters"]["blue"].update(managers=["n1", "n2", "n3"])
    wanted["pools"]["core"]["hosts"] = ["n1", "n2", "n3", "n5"]
    wanted["pools"]["engines"]["hosts"] = []
    return small_fleet(tmp_path, wanted)


def test_managers_and_barriers_may_all_wait_together(fleet, tmp_path) -> None:
    assert needed_operations(fleet) == 3 + 3 + 1 + 2 * 3
    ready = document()
    del ready["clusters"], ready["pools"]["core"], ready["consul"]
    assert needed_operations(small_fleet(tmp_path, ready)) == 1


def test_consul_servers_and_ring_members_elsewhere_count_too(tmp_path) -> None:
    wanted = document()
    wanted["clusters"]["blue"]["consul"]["servers"] = ["n2"]
    assert needed_operations(small_fleet(tmp_path, wanted)) == 2 + 3 + 1 + 2 * 1


def test_hosts_that_wait_in_a_wave_leave_room_for_the_one_that_is_reinstalled(tmp_path) -> None:
    """A wait is an operation under way, of a chain or of an engine and a Consul agent; a new life is many, in turn."""
    wanted = document()
    wanted["pools"]["core"]["hosts"] = ["n1", "n2", "n5"]
    wanted["pools"]["engines"]["hosts"] = []
    assert needed_operations(small_fleet(tmp_path, wanted)) == 1 + 3 + 1 + 2 * 2
    wanted["pools"]["core"]["max_unavailable"] = 2
    assert needed_operations(small_fleet(tmp_path, wanted)) == 1 + 3 + 1 + 2 * 1


def test_an_environment_that_says_enough_needs_no_advice(fleet) -> None:
    assert advice(fleet, WELL) == []
    assert advice(fleet, {**WELL, "PULUMI_PARALLEL": "13", "PULUMI_CONTINUE_ON_ERROR": "1"}) == []


@pytest.mark.parametrize("given", ["12", "1", "0"])
def test_too_few_operations_are_refused_with_the_number_to_set(fleet, given) -> None:
    with pytest.raises(PlanRefused, match=f"PULUMI_PARALLEL={given} ") as caught:
        advice(fleet, {**WELL, "PULUMI_PARALLEL": given})
    assert "at least 13" in str(caught.value)


@pytest.mark.parametrize("given", [{}, {"PULUMI_PARALLEL": ""}, {"PULUMI_PARALLEL": "many"}])
def test_what_is_not_set_is_missed_aloud(fleet, given) -> None:
    (line,) = advice(fleet, {"PULUMI_CONTINUE_ON_ERROR": "true", **given})
    assert "PULUMI_PARALLEL=64" in line


@pytest.mark.parametrize("given", [{}, {"PULUMI_CONTINUE_ON_ERROR": "false"}])
def test_a_run_that_would_stop_at_the_first_failure_is_told(fleet, given) -> None:
    (line,) = advice(fleet, {"PULUMI_PARALLEL": "64", **given})
    assert "PULUMI_CONTINUE_ON_ERROR=true" in line
