"""The whole graph: edges by `.id` alone, one URN a host and link for every purpose, and the dev stack's wiring."""

from __future__ import annotations

from pathlib import Path

import pytest

from metal.settings.load import load_stack_file
from tests.unit.components.registration import Registered, register
from tests.unit.small_fleet import document, small_fleet

CHECKOUT = Path(__file__).resolve().parents[3]
WIRING = CHECKOUT / "tests" / "golden" / "components" / "dev-wiring.txt"

CHAIN = {
    "Power": {"up": "BootDevice"},
    "HostReady": {"up": "Power"},
    "DockerEngine": {"up": "HostReady"},
    "ConsulMember": {"up": "HostReady"},
    "SwarmNode": {"up": "DockerEngine", "consul": "ConsulMember"},
    "ManagerNode": {"up": "SwarmNode"},
}


def wiring(told: dict[str, Registered]) -> str:
    """One line a resource: what its inputs come from, and what it waits for besides."""
    lines = []
    for name, resource in told.items():
        edges = {key: sources[0] for key, sources in sorted(resource.edges.items())}
        bare = [source for source in resource.after if source not in edges.values()]
        lines.append(
            f"{name} in {resource.parent}:"
            + "".join(f" {key}={source};" for key, source in edges.items())
            + "".join(f" after {source};" for source in bare)
        )
    return "\n".join(line.rstrip(":;") for line in lines) + "\n"


def test_the_wiring_of_the_dev_stack() -> None:
    fleet = load_stack_file(CHECKOUT / "Pulumi.dev.yaml", root=CHECKOUT, owner="metalswarm/dev")
    assert wiring(register(fleet)) == WIRING.read_text(encoding="utf-8")


def test_edges_within_a_host_are_ids_and_nothing_but_ids(told) -> None:
    for name, resource in told.items():
        link, _, host = name.partition(" ")
        expected = {key: f"{source} {host}" for key, source in CHAIN.get(link, {}).items()}
        for key, source in expected.items():
            assert resource.edges[key] == [source]
            assert resource.inputs[key] == source, "the id, which the registration names after its resource"
        if link in CHAIN:
            # The pinned key is no edge: its link compares it quietly.
            assert set(resource.edges) - {"host_key"} == set(expected), name


def test_no_cluster_resource_has_an_edge_to_a_host(told) -> None:
    for link in ("ClusterIdentity", "ClusterPlan", "ConsulFormed", "SwarmFormed", "RingFormed"):
        resource = told[f"{link} blue"]
        assert not [name for name in resource.after if name.endswith((" n1", " n2"))], link


def test_every_link_but_the_plan_has_a_component_as_its_parent(told) -> None:
    for name, resource in told.items():
        # Plans come before every host, and so before the component that their cluster's members are in.
        if not resource.custom or name.startswith("ClusterPlan"):
            assert resource.parent == "Stack shop-prod", name
        else:
            assert told[resource.parent].custom is False, name


def test_every_host_waits_for_every_plan(told) -> None:
    hosts = [resource for name, resource in told.items() if name.startswith("BootDevice")]
    assert len(hosts) > 2
    for resource in hosts:
        assert "ClusterPlan blue" in resource.after
        assert not [edge for edge in resource.edges.values() if "ClusterPlan" in str(edge)]


def test_a_host_that_moves_between_clusters_keeps_its_names(tmp_path) -> None:
    both = document()
    both["clusters"]["green"] = {**both["clusters"]["blue"], "managers": ["n3"]}
    both["pools"]["green"] = {**both["pools"]["core"], "cluster": "green", "hosts": ["n3"]}
    both["pools"]["engines"]["hosts"] = []
    before = register(small_fleet(tmp_path, both))
    both["pools"]["core"]["hosts"] = ["n1"]
    both["pools"]["green"]["hosts"] = ["n3", "n2"]
    after = register(small_fleet(tmp_path, both))
    assert set(before) == set(after)
    assert before["SwarmNode n2"].parent == "SwarmCluster blue"
    assert after["SwarmNode n2"].parent == "SwarmCluster green"


@pytest.mark.parametrize("driver", ["none", "stackengine"])
def test_a_cluster_without_a_container_manager_has_no_links_of_one(tmp_path, driver) -> None:
    wanted = document()
    wanted["clusters"]["blue"]["manager"]["driver"] = driver
    if driver == "none":
        wanted["clusters"]["blue"]["manager"] = {"driver": "none"}
    told = register(small_fleet(tmp_path, wanted))
    assert ("ManagerNode n1" in told, "RingFormed blue" in told) == (driver != "none", driver != "none")
