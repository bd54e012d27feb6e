"""Hosts reset behind our back, dark or alone in failing, on the whole stack."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.api import Lab
from lab.bmc.client import PowerAct
from tests.lab.membership import everywhere, members, said, standing_stack
from tests.lab.ready_stack import small_lab, warnings
from tests.lab.stack import LabStack
from tests.waiting import wait_for

pytestmark = [pytest.mark.root, pytest.mark.lab, pytest.mark.engine]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with small_lab("reset", 62, hosts=6) as lab:
        yield lab


@pytest.fixture(scope="module")
def stack(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> LabStack:
    return standing_stack(tmp_path_factory.mktemp("stack") / "project", lab)


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
    wait_for("both down by themselves", lambda: states() == ("down", "down", "critical"), seconds=120)
    assert stack.refresh().expect().changes.get("update"), "the refresh shows both"
    outcome = stack.up().expect()
    assert stack.touched(outcome) == {"n5"}
    assert stack.swarm_nodes()["n5"]["state"] == "ready"
    assert warnings(outcome, "raise hosts.n4.generation")

    stack.fleet["hosts"]["n4"] = {"generation": 2}
    outcome = stack.up().expect()
    assert stack.touched(outcome) == {"n4", "blue"}
    wait_for("both back, once", lambda: everywhere(stack) == members("n1 n2 n3", "n4 n5"))
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
    assert labels == {"n1": "2", "n2": "2", "n3": "2", "n5": "2", "n4": None}

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
