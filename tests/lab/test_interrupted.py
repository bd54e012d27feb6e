"""An `up` that is cut short anywhere: the next one converges, installs nothing twice, and nothing stale is left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.api import Lab
from lab.bmc.client import PowerAct
from tests.lab.ready_stack import fresh_hosts, marker, ready_stack, small_lab
from tests.lab.running_up import RunningUp, unlock
from tests.lab.stack import LabStack, fleet_document
from tests.lab.traces import host_identity
from tests.waiting import wait_for

pytestmark = [pytest.mark.root, pytest.mark.lab, pytest.mark.engine]

HOSTS = ("n1", "n2")


@pytest.fixture(scope="module")
def module_lab() -> Iterator[Lab]:
    with small_lab("cut", 191) as lab:
        yield lab


@pytest.fixture
def lab(module_lab: Lab) -> Lab:
    return fresh_hosts(module_lab)


@pytest.fixture
def stack(lab: Lab, tmp_path: Path) -> LabStack:
    return ready_stack(tmp_path / "project", lab, *HOSTS)


def assert_settled(stack: LabStack, lab: Lab, installs: dict[str, int]) -> None:
    """Another run has nothing to do, each host was installed so many times since it was fresh, nothing is pending."""
    # The engine forgets that a create was cut short only when told; every create of ours takes what is already so.
    stack.refresh("--clear-pending-creates").expect()
    assert not stack.project.export().get("pending_operations")
    outcome = stack.up().expect()
    assert set(outcome.changes) == {"same"}
    assert not outcome.diagnostics("warning")
    for name, times in installs.items():
        status = lab.host(name).status()
        assert (status.installs, status.boot) == (times, "default"), status
        assert marker(stack, name)["state"] == "claimed"


@pytest.mark.parametrize("moment", ["BootDevice n1 creating", "Power n1 creating", "HostReady n1 creating"])
def test_a_kill_during_the_first_up(stack: LabStack, lab: Lab, running: list[RunningUp], moment: str) -> None:
    running.append(RunningUp(stack))
    running[0].until(moment)
    running[0].kill()
    unlock(stack)
    stack.up().expect()
    assert_settled(stack, lab, {"n1": 1, "n2": 1})


@pytest.mark.parametrize(
    "moment",
    [
        "BootDevice n1 creating replacement",
        pytest.param("HostReady n1 deleting", marks=pytest.mark.full),
        pytest.param("HostReady n1 creating replacement", marks=pytest.mark.full),
    ],
)
def test_a_kill_during_a_reinstall(stack: LabStack, lab: Lab, running: list[RunningUp], moment: str) -> None:
    stack.up().expect()
    before = {name: host_identity(lab, name) for name in HOSTS}
    stack.fleet["hosts"] = {"n1": {"generation": 2}}
    running.append(RunningUp(stack))
    running[0].until(moment)
    running[0].kill()
    unlock(stack)
    stack.up().expect()
    assert_settled(stack, lab, {"n1": 2, "n2": 1})
    assert not set(host_identity(lab, "n1").values()) & set(before["n1"].values())
    assert host_identity(lab, "n2") == before["n2"]
    assert marker(stack, "n1")["life"] == "g2"


@pytest.mark.full
@pytest.mark.parametrize("moment", ["ConsulMember n1 creating", "DockerEngine n1 creating", "SwarmNode n1 creating"])
@pytest.mark.demand("U59")
def test_a_kill_while_a_cluster_is_born(stack: LabStack, lab: Lab, running: list[RunningUp], moment: str) -> None:
    clusters = fleet_document(lab)["clusters"]
    stack.fleet["clusters"] = {"blue": {**clusters["blue"], "managers": ["n1"], "manager": {"driver": "none"}}}
    stack.fleet["pools"]["web"] |= {"purpose": "swarm", "cluster": "blue"}
    running.append(RunningUp(stack))
    running[0].until(moment)
    if moment.startswith("SwarmNode"):
        state = "docker info --format '{{.Swarm.LocalNodeState}}'"
        wait_for("the swarm exists", lambda: stack.ssh("n1", state, check=False) == "active", seconds=60)
    running[0].kill()
    unlock(stack)
    stack.up().expect()
    nodes = stack.swarm_nodes()
    assert {name: (node["role"], node["state"]) for name, node in nodes.items()} == {
        "n1": ("manager", "ready"),
        "n2": ("worker", "ready"),
    }
    assert len(stack.docker("/nodes")) == 2, "no node of a first attempt is left"
    assert sorted(node["Node"] for node in stack.consul("/v1/catalog/nodes")) == ["n1", "n2"]
    assert_settled(stack, lab, {"n1": 1, "n2": 1})


@pytest.mark.demand("U59")
def test_a_kill_while_a_worker_of_a_cluster_is_reinstalled(stack: LabStack, lab: Lab, running: list[RunningUp]) -> None:
    clusters = fleet_document(lab)["clusters"]
    stack.fleet["clusters"] = {"blue": {**clusters["blue"], "managers": ["n1"], "manager": {"driver": "none"}}}
    stack.fleet["pools"]["web"] |= {"purpose": "swarm", "cluster": "blue"}
    stack.up().expect()
    old = stack.swarm_nodes()["n2"]["id"]
    stack.fleet["hosts"] = {"n2": {"generation": 2}}
    running.append(RunningUp(stack))
    running[0].until("HostReady n2 creating replacement")
    running[0].kill()
    unlock(stack)
    stack.up().expect()
    nodes = stack.swarm_nodes()
    assert {name: node["state"] for name, node in nodes.items()} == {"n1": "ready", "n2": "ready"}
    assert nodes["n2"]["id"] != old
    assert len(stack.docker("/nodes")) == 2, "no node of the first life is left"
    assert sorted(node["Node"] for node in stack.consul("/v1/catalog/nodes")) == ["n1", "n2"]
    assert_settled(stack, lab, {"n1": 1, "n2": 2})


def test_an_interrupt_ends_at_once_and_the_next_run_resumes(
    stack: LabStack, lab: Lab, running: list[RunningUp]
) -> None:
    # A host that hangs keeps HostReady waiting, which is where most interrupts come.
    lab.host("n1").ignore_network_boot()
    running.append(RunningUp(stack))
    running[0].until("HostReady n2 created")
    assert running[0].interrupt(seconds=5) != 0
    output = "".join(running[0].output)
    assert "error: n1: cancelled" in output
    assert "next: run the same command again; it resumes" in output
    assert "Traceback" not in output
    wait_for("everything ended", lambda: not running[0].processes(), seconds=5)
    assert not stack.project.export().get("pending_operations")

    # No lock is left, and only n1's last link is missing. A run that was stopped says nothing about the host, so the
    # next one waits for it again, and a person mends the boot.
    lab.host("n1").ignore_network_boot(False)
    lab.host("n1").set_boot("pxe")
    lab.host("n1").power(PowerAct.RESET)
    outcome = stack.up().expect()
    assert stack.links(outcome) == [("create", "HostReady", "n1")]
    assert_settled(stack, lab, {"n1": 1, "n2": 1})
