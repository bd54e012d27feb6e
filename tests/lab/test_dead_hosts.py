"""Hosts that died, half died or were reset behind our back, on the whole stack: no phantom, nobody else disturbed."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

import pytest

from lab.api import Lab
from lab.bmc.client import PowerAct
from lab.spec import LabSpec
from tests.engine.project import CHECKOUT, Outcome
from tests.lab.containers import wait_for
from tests.lab.ready_stack import warnings
from tests.lab.stack import LabStack

pytestmark = [pytest.mark.root, pytest.mark.lab, pytest.mark.engine]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    lab = Lab.from_spec(
        LabSpec(
            name="dead",
            subnet=IPv4Network("10.61.0.0/24"),
            bmc_base=IPv4Address("127.0.61.0"),
            directory=CHECKOUT / ".metalswarm" / "test-dead",
        )
    )
    lab.down()
    try:
        lab.up()
        yield lab
    finally:
        lab.down()


@pytest.fixture(scope="module")
def stack(lab: Lab, pulumi_bin, tmp_path_factory: pytest.TempPathFactory) -> LabStack:
    stack = LabStack(tmp_path_factory.mktemp("stack") / "project", pulumi_bin, lab)
    stack.fleet["deadlines"] |= {"ssh": 25}
    stack.fleet["hosts"] = {}
    stack.up().expect()
    return stack


def everywhere(stack: LabStack) -> dict[str, list[str]]:
    """Who is a member, once a line: of the swarm, of gossip, of Consul's catalogue and raft, of the controller."""
    nodes = stack.docker("/nodes")
    return {
        "swarm": sorted(node["Description"]["Hostname"] for node in nodes),
        "managers": sorted(node["Description"]["Hostname"] for node in nodes if node.get("ManagerStatus")),
        "gossip": sorted(one["Name"] for one in stack.consul("/v1/agent/members") if one["Status"] == 1),
        "catalogue": sorted(one["Node"] for one in stack.consul("/v1/catalog/nodes")),
        "raft": sorted(one["Node"] for one in stack.consul("/v1/operator/raft/configuration")["Servers"]),
        "controller": sorted(one["name"] for one in stack.stackengine("/api/nodes")),
    }


def members(managers: str, workers: str) -> dict[str, list[str]]:
    every, voters = sorted((managers + " " + workers).split()), sorted(managers.split())
    swarm = dict.fromkeys(("swarm", "gossip", "catalogue", "controller"), every)
    return {**swarm, "managers": voters, "raft": voters}


def said(outcome: Outcome, words: str) -> bool:
    return any(words in event["message"] for event in outcome.diagnostics()) or words in outcome.output


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


@pytest.mark.demand("U43", "U54")
def test_a_half_dead_manager_is_fenced_and_another_takes_its_place(stack: LabStack, lab: Lab) -> None:
    """Its engine and its agent go on; only SSH is gone. Taken out of the settings, it must not go on acting."""
    stack.ssh("n3", "systemctl disable --now ssh.socket ssh.service; systemctl kill ssh.service || true", check=False)
    assert not lab.host("n3").ssh_answers()
    stack.move("n6", "core")
    stack.fleet["pools"]["core"]["hosts"].remove("n3")
    for voters in (stack.fleet["clusters"]["blue"], stack.fleet["clusters"]["blue"]["manager"]):
        key = "managers" if "managers" in voters else "nodes"
        voters[key] = ["n1", "n2", "n6"]
    outcome = stack.up().expect()
    assert stack.touched(outcome) >= {"n3", "n6"}
    assert said(outcome, "n3: does not answer; its power is off, read back from its BMC")
    assert not lab.host("n3").power_is_on()
    wait_for("n6 in its place", lambda: everywhere(stack) == members("n1 n2 n6", "n4 n5"))
    assert not [name for name in stack.project.resources() if name == "n3"]
    assert set(stack.up().expect().changes) == {"same"}


@pytest.mark.demand("W6", "U41", "U42")
def test_hosts_reset_behind_our_back_time_out_are_told_and_come_back(stack: LabStack, lab: Lab) -> None:
    host = lab.host("n4")
    host.reset_counter()
    host.set_boot("pxe")
    host.kill()
    host.power(PowerAct.ON)
    stack.ssh("n5", "docker swarm leave")
    host.wait_for_ssh()

    def states() -> tuple[str, str, str]:
        nodes, checks = stack.swarm_nodes(), stack.consul("/v1/health/node/n4")
        serf = next((check["Status"] for check in checks if check["CheckID"] == "serfHealth"), "")
        return nodes["n4"]["state"], nodes["n5"]["state"], serf

    # The original promise: nobody has to tell the swarm.
    wait_for("both down by themselves", lambda: states() == ("down", "down", "critical"))
    refreshed = stack.refresh().expect()
    assert ("refresh", "SwarmNode", "n5") in stack.links(refreshed) or refreshed.changes.get("update")
    outcome = stack.up().expect()
    assert stack.touched(outcome) == {"n5"}
    assert stack.swarm_nodes()["n5"]["state"] == "ready"
    assert warnings(outcome, "raise hosts.n4.generation")

    stack.fleet["hosts"]["n4"] = {"generation": 2}
    outcome = stack.up().expect()
    assert stack.touched(outcome) == {"n4", "blue"}
    wait_for("both back, once", lambda: everywhere(stack) == members("n1 n2 n6", "n4 n5"))
    assert {node["state"] for node in stack.swarm_nodes().values()} == {"ready"}
    assert set(stack.up("--refresh").expect().changes) == {"same"}


@pytest.mark.demand("U54", "U58")
def test_a_dead_host_fails_alone_and_the_next_up_does_only_what_is_missing(stack: LabStack, lab: Lab) -> None:
    lab.host("n4").kill()
    lab.host("n4").unplug()
    stack.fleet["docker"]["daemon"] = {"debug": False, "max-concurrent-downloads": 4}
    for pool in ("core", "web"):
        stack.fleet["pools"][pool]["labels"] = {"floor": "2"}
    outcome = stack.up().expect(ok=False)
    failed = {event["urn"].split("::")[-1] for event in outcome.diagnostics("error") if event.get("urn")}
    assert failed <= {"n4", "metalswarm-dev"}, outcome.output
    assert said(outcome, "n4: stopped at DockerEngine")
    labels = {name: node["labels"].get("floor") for name, node in stack.swarm_nodes().items()}
    assert labels == {"n1": "2", "n2": "2", "n6": "2", "n5": "2", "n4": None}

    # A refresh sees that it is dark, and the next `up` says so although it changes nothing there.
    lab.host("n4").plug()
    lab.host("n4").power(PowerAct.ON)
    lab.host("n4").wait_for_ssh()
    outcome = stack.up().expect()
    assert set(stack.links(outcome)) == {("update", "DockerEngine", "n4"), ("update", "SwarmNode", "n4")}


def test_up_says_of_a_host_what_the_last_refresh_could_not_see(stack: LabStack, lab: Lab) -> None:
    lab.host("n5").kill()
    lab.host("n5").unplug()
    stack.refresh().expect()
    (line,) = warnings(stack.preview().expect(), "n5: was not to be asked at the last refresh (unreachable)")
    assert "evict: true" in line
