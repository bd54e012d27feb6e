"""What each link is told: the same for the same settings, nothing that is not of this host's life, nothing secret."""

from __future__ import annotations

from typing import Any

import pytest

from components import inputs
from tests.unit.components.registration import register
from tests.unit.small_fleet import document, small_fleet


def leaves(value: Any, path: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        return [leaf for key, member in value.items() for leaf in leaves(member, f"{path}.{key}")]
    return [(path, value)]


def all_inputs(fleet) -> dict[str, dict[str, Any]]:
    """What is kept: a plan drops the pools that its words are made of (tests/unit/providers/test_cluster_plan.py)."""
    found = {name: dict(resource.inputs) for name, resource in register(fleet).items() if resource.custom}
    for name, told in found.items():
        if name.startswith("ClusterPlan "):
            del told["pools"]
    return found


def test_the_same_settings_give_the_same_inputs_in_another_process(tmp_path) -> None:
    here, there = tmp_path / "a", tmp_path / "b"
    here.mkdir()
    there.mkdir()
    assert all_inputs(small_fleet(here)) == all_inputs(small_fleet(there))


def test_the_name_of_a_pool_is_in_no_input(tmp_path, fleet) -> None:
    renamed = document()
    renamed["pools"] = {f"{name}-renamed": pool for name, pool in renamed["pools"].items()}
    assert all_inputs(small_fleet(tmp_path, renamed)) == all_inputs(fleet)


def test_moving_a_host_to_a_pool_that_asks_for_the_same_changes_nothing(tmp_path, fleet) -> None:
    moved = document()
    moved["pools"]["core"]["hosts"] = ["n1"]
    moved["pools"]["more"] = {**moved["pools"]["core"], "hosts": ["n2"]}
    assert all_inputs(small_fleet(tmp_path, moved)) == all_inputs(fleet)


def test_no_input_is_none_where_the_engine_would_drop_it(fleet) -> None:
    for name, told in all_inputs(fleet).items():
        # The birth values are compared as a whole, by a plan that reads a missing interface as none.
        nones = [path for path, value in leaves(told) if value is None and ".birth." not in path]
        assert nones == [], name


def test_every_host_link_names_its_host_its_owner_and_its_hold(tmp_path) -> None:
    wanted = document()
    wanted["hosts"] = {"n2": {"hold": "RMA 4711"}}
    for name, told in all_inputs(small_fleet(tmp_path, wanted)).items():
        assert told["owner"] == "shop/prod", name
        if "host" in told:
            assert told["hold"] == ("RMA 4711" if told["host"] == "n2" else ""), name
            assert told["access"]["host"] == told["host"], name


@pytest.mark.parametrize(
    "link", ["HostReady n2", "DockerEngine n2", "ConsulMember n2", "SwarmNode n2", "ManagerNode n2"]
)
def test_credentials_are_named_and_never_given(fleet, link) -> None:
    told = register(fleet)[link].inputs
    assert told["access"]["key"] == "default"
    words = [path.rsplit(".", 1)[-1] for path, _ in leaves(told)]
    assert not {"password", "token", "secret", "private_key"} & set(words)


def test_a_label_changes_one_link_of_one_host(tmp_path, fleet) -> None:
    labelled = document()
    labelled["hosts"] = {"n2": {"labels": {"ssd": "true"}}}
    before, after = all_inputs(fleet), all_inputs(small_fleet(tmp_path, labelled))
    assert [name for name in after if after[name] != before[name]] == ["SwarmNode n2"]


def test_a_raised_generation_changes_the_first_link_and_what_is_counted_by_it(tmp_path, fleet) -> None:
    raised = document()
    raised["hosts"] = {"n2": {"generation": 2}}
    before, after = all_inputs(fleet), all_inputs(small_fleet(tmp_path, raised))
    changed = [name for name in after if after[name] != before[name]]
    assert changed == ["BootDevice n2", "ClusterPlan blue", "ConsulMember n2", "HostReady n2", "Power n2"]
    assert after["BootDevice n2"]["life"] == "g2"


def test_an_absent_artifact_and_an_absent_bmc_are_empty_maps(fleet) -> None:
    assert inputs._artifact(None) == {}
    assert inputs._artifact(fleet.consul) == {
        "version": "1.15.4",
        "url": "https://mirror.example.net/consul",
        "sha256": fleet.consul.sha256,
        "sha256_url": "",
    }


def test_an_existing_consul_is_told_to_members_and_nodes_and_no_binary_is_needed(tmp_path) -> None:
    wanted = document()
    del wanted["consul"]
    wanted["clusters"]["blue"]["consul"]["external"] = {"api": "http://127.0.0.1:8500", "credentials": "hq"}
    told = all_inputs(small_fleet(tmp_path, wanted))
    external = {
        "api": "http://127.0.0.1:8500",
        "through": [],
        "agents": "none",
        "servers": [],
        "credentials": "hq",
    }
    assert told["ConsulMember n1"]["external"] == told["SwarmNode n2"]["external"] == external
    assert (told["ConsulMember n1"]["artifact"], told["ConsulMember n1"]["server"]) == ({}, False)


def test_kept_engines_and_availability_reach_the_links_they_concern(tmp_path, fleet) -> None:
    wanted = document()
    wanted["pools"]["core"] |= {"engine": "keep", "availability": "drain", "generation": 0}
    before, after = all_inputs(fleet), all_inputs(small_fleet(tmp_path, wanted))
    assert not {"keep", "availability", "external"} & {key for told in before.values() for key in told}
    assert [name for name, told in after.items() if told.get("keep")] == [
        "DockerEngine n1",
        "DockerEngine n2",
        "SwarmNode n1",
        "SwarmNode n2",
    ]
    assert [name for name, told in after.items() if told.get("availability")] == ["SwarmNode n1", "SwarmNode n2"]
