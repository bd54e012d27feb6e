"""Hosts that died or half died, on the whole stack: no phantom stays, and nobody else is disturbed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.api import Lab
from lab.bmc.client import PowerAct
from tests.lab.membership import everywhere, members, said, standing_stack
from tests.lab.ready_stack import small_lab
from tests.lab.stack import LabStack
from tests.waiting import wait_for

pytestmark = [pytest.mark.root, pytest.mark.lab, pytest.mark.engine]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with small_lab("dead", 61, hosts=6) as lab:
        yield lab


@pytest.fixture(scope="module")
def stack(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> LabStack:
    return standing_stack(tmp_path_factory.mktemp("stack") / "project", lab)


@pytest.mark.demand("U41", "U42", "U54")
def test_a_dead_manager_on_hold_is_evicted_and_comes_back_as_new(stack: LabStack, lab: Lab) -> None:
    assert everywhere(stack) == members("n1 n2 n3", "n4 n5")
    before = stack.swarm_nodes()["n2"]["id"]
    lab.host("n2").kill()
    lab.host("n2").unplug()
    stack.fleet["hosts"]["n2"] = {"hold": "RMA 4711", "evict": True}
    words = "n2 is evicted while on hold; 2 of 3 managers carry the cluster, none may fail"
    assert said(stack.preview().expect(), words)
    outcome = stack.up().expect()
    assert {(link, name) for _, link, name in stack.links(outcome)} == {
        ("ClusterPlan", "blue"), ("ConsulMember", "n2"), ("SwarmNode", "n2"), ("ManagerNode", "n2"),
    }  # fmt: skip
    assert everywhere(stack) == members("n1 n3", "n4 n5")
    assert set(stack.up("--refresh").expect().changes) == {"same"}, "it is not dialled, and evicted once"

    lab.host("n2").plug()
    lab.host("n2").power(PowerAct.ON)
    lab.host("n2").wait_for_ssh()
    del stack.fleet["hosts"]["n2"]
    assert stack.touched(stack.up().expect()) == {"n2", "blue"}
    wait_for("n2 everywhere, once", lambda: everywhere(stack) == members("n1 n2 n3", "n4 n5"))
    assert stack.swarm_nodes()["n2"]["id"] != before
    assert set(stack.up().expect().changes) == {"same"}


@pytest.mark.full
@pytest.mark.demand("U43", "U54")
def test_a_half_dead_manager_is_fenced_and_another_takes_its_place(stack: LabStack, lab: Lab) -> None:
    """Its engine and its agent go on; only SSH is gone. Taken out of the settings, it must not go on acting."""
    stack.ssh("n3", "systemctl disable --now ssh.socket ssh.service", check=False)
    wait_for("nobody answers by SSH", lambda: not lab.host("n3").ssh_answers())
    assert lab.host("n3").power_is_on()
    stack.move("n6", "core")
    stack.fleet["pools"]["core"]["hosts"].remove("n3")
    for voters in (stack.fleet["clusters"]["blue"], stack.fleet["clusters"]["blue"]["manager"]):
        key = "managers" if "managers" in voters else "nodes"
        voters[key] = ["n1", "n2", "n6"]
    outcome = stack.up().expect()
    assert stack.touched(outcome) >= {"n3", "n6"}
    assert said(outcome, "n3: does not answer; its power is off, read back from its BMC"), outcome.output
    assert not lab.host("n3").power_is_on()
    wait_for("n6 in its place", lambda: everywhere(stack) == members("n1 n2 n6", "n4 n5"))
    assert not [name for name in stack.project.resources() if name == "n3"]
    assert set(stack.up().expect().changes) == {"same"}


@pytest.mark.full
@pytest.mark.demand("U42", "U54")
def test_a_manager_dead_with_its_bmc_goes_when_all_call_it_down_and_its_machine_is_told(
    stack: LabStack, lab: Lab
) -> None:
    dead = stack.fleet["clusters"]["blue"]["managers"][-1]
    lab.host(dead).kill()
    lab.host(dead).unplug()
    stack.fleet["pools"]["core"]["hosts"].remove(dead)
    stack.fleet["clusters"]["blue"]["managers"] = ["n1", "n2", "n4"]
    stack.fleet["clusters"]["blue"]["manager"]["nodes"] = ["n1", "n2", "n4"]
    outcome = stack.up().expect(ok=False)
    assert said(outcome, f"{dead}: does not answer, and its power could not be cut"), outcome.output
    wait_for("the cluster is rid of it", lambda: everywhere(stack) == members("n1 n2 n4", "n5"))
    errors = [event["message"] for event in outcome.diagnostics("error") if event.get("urn", "").endswith(f"::{dead}")]
    assert errors
    assert all("is not left behind unsaid" in error and "lost: true" in error for error in errors), errors

    stack.inventory["hosts"][dead]["lost"] = True
    stack.up().expect()
    assert dead not in stack.project.resources()
    assert set(stack.up().expect().changes) == {"same"}
