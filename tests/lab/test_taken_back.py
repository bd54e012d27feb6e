"""An edit that was cut short and is then taken back: what was begun is undone, and nobody waits for what never ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.api import Lab
from tests.lab.ready_stack import small_lab
from tests.lab.running_up import RunningUp, unlock
from tests.lab.stack import LabStack, fleet_document
from tests.waiting import wait_for
from toolchain.pulumi import pulumi

pytestmark = [pytest.mark.root, pytest.mark.lab, pytest.mark.engine]

MANAGERS = ["n1", "n2", "n3"]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with small_lab("back", 63, hosts=4) as lab:
        yield lab


@pytest.fixture(scope="module")
def stack(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> LabStack:
    """Blue with three managers, and a spare that stands ready."""
    fleet = fleet_document(lab)
    blue = {**fleet["clusters"]["blue"], "managers": MANAGERS, "manager": {"driver": "none"}}
    fleet["clusters"] = {"blue": blue}
    fleet["pools"] = {
        "core": {"purpose": "swarm", "cluster": "blue", "hosts": list(MANAGERS), "generation": 1},
        "spare": {"purpose": "ready", "hosts": ["n4"], "generation": 1},
    }
    stack = LabStack(tmp_path_factory.mktemp("back") / "project", pulumi(), lab, fleet)
    stack.up().expect()
    return stack


def roles(stack: LabStack) -> dict[str, str]:
    return {name: node["role"] for name, node in stack.swarm_nodes().items()}


def voters(stack: LabStack) -> set[str]:
    return {server["Node"] for server in stack.consul("/v1/operator/raft/configuration")["Servers"]}


def has_link(stack: LabStack, link: str, host: str) -> bool:
    resources = stack.project.export().get("resources") or []
    return any(one["urn"].endswith(f"{link}::{host}") for one in resources)


def node_state(stack: LabStack, host: str) -> str:
    return stack.ssh(host, "docker info --format '{{.Swarm.LocalNodeState}}'", check=False)


def members(stack: LabStack) -> set[str]:
    return {member["Name"] for member in stack.consul("/v1/agent/members") if member["Status"] == 1}


def kill_in_join(stack: LabStack, running: list[RunningUp], role: str) -> None:
    """Cut the `up` of the stack as it is short, with n4 in the swarm and no link that knows of it."""
    running.append(RunningUp(stack))
    running[0].until("SwarmNode n4 creating")
    running[0].kill()
    unlock(stack)
    # The join as far as the kill let it come, or as far as it could have.
    token = stack.docker("/swarm")["JoinTokens"][role]
    stack.ssh("n4", f"docker swarm join --token {token} {stack.address('n1')}:2377", check=False)
    wait_for("n4 is in the swarm", lambda: node_state(stack, "n4") == "active", seconds=60)
    assert not has_link(stack, "SwarmNode", "n4"), "no link knows of it"


@pytest.mark.demand("U59")
def test_a_join_that_was_killed_and_is_taken_back(stack: LabStack, running: list[RunningUp]) -> None:
    stack.move("n4", "core")
    kill_in_join(stack, running, "Worker")
    stack.move("n4", "spare")
    stack.up().expect()
    assert roles(stack) == dict.fromkeys(MANAGERS, "manager")
    assert len(stack.docker("/nodes")) == 3, "no node of the join is left"
    assert members(stack) == set(MANAGERS)
    assert node_state(stack, "n4") == ""
    assert set(stack.up().expect().changes) == {"same"}


def test_a_node_that_no_link_knows_of_leaves_also_when_its_host_is_off(
    stack: LabStack, lab: Lab, running: list[RunningUp]
) -> None:
    stack.move("n4", "core")
    stack.fleet["clusters"]["blue"]["managers"] = ["n1", "n2", "n4"]
    kill_in_join(stack, running, "Manager")
    lab.host("n4").kill()
    stack.fleet["clusters"]["blue"]["managers"] = list(MANAGERS)
    stack.fleet["pools"]["core"]["hosts"].remove("n4")
    stack.up().expect()
    assert roles(stack) == dict.fromkeys(MANAGERS, "manager")
    assert len(stack.docker("/nodes")) == 3
    assert voters(stack) == set(MANAGERS)
    stack.fleet["pools"]["spare"] |= {"hosts": ["n4"], "generation": 2}
    stack.up().expect()


def test_a_change_of_role_that_was_interrupted_and_is_taken_back(stack: LabStack, running: list[RunningUp]) -> None:
    stack.move("n4", "core")
    stack.up().expect()
    stack.fleet["clusters"]["blue"]["managers"] = ["n1", "n2", "n4"]
    running.append(RunningUp(stack))
    running[0].until("SwarmNode n4 updating")
    assert running[0].interrupt(seconds=20) != 0
    # As far as the interrupt let it come, or as far as it could have.
    stack.ssh("n1", "docker node promote n4")
    assert roles(stack)["n4"] == "manager"

    stack.fleet["clusters"]["blue"]["managers"] = list(MANAGERS)
    preview = stack.preview().expect()
    assert ("update", "SwarmNode", "n4") in stack.links(preview)
    stack.up().expect()
    assert roles(stack) == {**dict.fromkeys(MANAGERS, "manager"), "n4": "worker"}
    assert voters(stack) == set(MANAGERS)
    assert members(stack) == {*MANAGERS, "n4"}
    assert set(stack.up().expect().changes) == {"same"}


def test_a_role_that_was_changed_by_hand_is_seen_and_mended(stack: LabStack) -> None:
    stack.ssh("n1", "docker node promote n4")
    stack.refresh().expect()
    preview = stack.preview().expect()
    assert stack.links(preview) == [("update", "SwarmNode", "n4")]
    stack.up().expect()
    assert roles(stack)["n4"] == "worker"
    stack.refresh().expect()
    assert set(stack.up().expect().changes) == {"same"}
