"""The same name on other metal, a BMC that moved, and a cluster's only manager given up, on a small lab."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.api import Lab
from tests.engine.project import Outcome
from tests.lab.ready_stack import failure, fresh_hosts, marker, ready_stack, small_lab
from tests.lab.relay import moved_bmc
from tests.lab.stack import LabStack
from toolchain.pulumi import pulumi

pytestmark = [pytest.mark.lab, pytest.mark.engine]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with small_lab("plan", 70) as lab:
        yield lab


def boots(stack: LabStack, lab: Lab, host: str) -> tuple[object, ...]:
    """What any power action changes."""
    status = lab.host(host).status()
    return stack.ssh(host, "cat /proc/sys/kernel/random/boot_id"), status.installs, status.power


def entry_of(lab: Lab, machine: str, **more: object) -> dict[str, object]:
    """A machine of the lab as an inventory has it, whatever name it gets there."""
    spec = lab.spec.machine(machine)
    bmc = {"address": str(spec.bmc), "port": spec.bmc_port, "credentials": "default"}
    return {"address": str(spec.address), "bmc": bmc, "macs": [spec.mac], **more}


def outputs(stack: LabStack, link: str, host: str) -> dict[str, object]:
    (found,) = [r for r in stack.project.export()["resources"] if r["urn"].endswith(f":{link}::{host}")]
    return dict(found["outputs"])


def test_a_bmc_moves_in_place_and_other_metal_needs_a_raised_generation(lab: Lab, tmp_path: Path) -> None:
    fresh_hosts(lab)
    stack = ready_stack(tmp_path / "project", lab, "n1")
    stack.inventory["hosts"] = {"n1": entry_of(lab, "n1")}
    stack.up().expect()
    before, guid = boots(stack, lab, "n1"), outputs(stack, "BootDevice", "n1")["bmc_guid"]
    assert len(str(guid)) == 32

    # Another address, port and credential profile: two updates, and nothing is switched.
    login = lab.bmc_login
    stack.project.environment["METALSWARM_BMC_MOVED"] = f"{login.user}:{login.password}"
    spec = lab.spec.machine("n1")
    with moved_bmc("127.0.70.99", (str(spec.bmc), spec.bmc_port)) as port:
        bmc = {"address": "127.0.70.99", "port": port, "credentials": "moved"}
        stack.inventory["hosts"] = {"n1": entry_of(lab, "n1", bmc=bmc)}
        moved = stack.up().expect()
        assert stack.links(moved) == [("update", "BootDevice", "n1"), ("update", "Power", "n1")]
        assert set(stack.up().expect().changes) == {"same"}
        assert boots(stack, lab, "n1") == before
        assert outputs(stack, "BootDevice", "n1")["bmc_guid"] == guid

        # The BMC of another machine under the name: told by its GUID, and left as it is.
        other = entry_of(lab, "n3")
        lab.host("n3").set_boot("disk", lasting=True)
        stack.inventory["hosts"] = {"n1": entry_of(lab, "n1", bmc=other["bmc"])}
        error = failure(stack.up(), "n1", "BootDevice")
        assert "belongs to another machine than before" in error
        assert f"was {guid}" in error
        assert (lab.host("n3").status().boot, lab.host("n3").status().power) == ("disk (lasting)", False)
        lab.host("n3").set_boot("none")

        # Other metal altogether: refused at preview, in words; with a raised generation the old one makes room.
        stack.inventory["hosts"] = {"n1": other}
        refused = stack.preview()
        assert not refused.ok
        assert f"n1: other metal under its name (MACs {spec.mac} became {other['macs'][0]})" in refused.output
        assert "raise its generation" in refused.output
        stack.fleet["hosts"] = {"n1": {"generation": 2}}
        stack.inventory["hosts"] = {"n1": {**other, "blank": True}}
        stack.up().expect()
        assert not lab.host("n1").status().power, "the old metal is off"
        assert lab.host("n3").status().power
        assert (marker(stack, "n3")["host"], marker(stack, "n3")["generation"]) == ("n1", 2)
        assert outputs(stack, "BootDevice", "n1")["bmc_guid"] not in ("", guid)
        assert set(stack.up().expect().changes) == {"same"}
        stack.destroy().expect()


@pytest.fixture
def pair(lab: Lab, tmp_path: Path) -> LabStack:
    """Blue with n1 managing and n2 working."""
    fresh_hosts(lab)
    stack = LabStack(tmp_path / "project", pulumi(), lab)
    blue = stack.fleet["clusters"]["blue"]
    blue["managers"] = ["n1"]
    blue.get("consul", {}).pop("servers", None)
    blue.get("manager", {}).pop("nodes", None)
    core = {"purpose": "swarm", "cluster": "blue", "hosts": ["n1", "n2"], "generation": 1, "on_destroy": "off"}
    stack.fleet["pools"] = {"core": core}
    stack.fleet.pop("hosts", None)
    stack.fleet["deadlines"] |= {"evict": 20, "probe": 8}
    stack.inventory["hosts"] = {name: entry_of(lab, name, blank=True) for name in ("n1", "n2", "n3")}
    return stack


def nodes(stack: LabStack) -> dict[str, tuple[str, str]]:
    """Host name -> role and state; a name that is listed twice fails the test."""
    listed = stack.docker("/nodes")
    found = {node["Description"]["Hostname"]: (node["Spec"]["Role"], node["Status"]["State"]) for node in listed}
    assert len(found) == len(listed), "ghosts"
    return found


def assert_whole(stack: LabStack) -> None:
    assert nodes(stack) == {"n1": ("manager", "ready"), "n2": ("worker", "ready")}
    assert {member["Node"] for member in stack.consul("/v1/catalog/nodes")} == {"n1", "n2"}
    assert {node["name"] for node in stack.stackengine("/api/nodes")} == {"n1", "n2"}


def said(outcome: Outcome, line: str) -> bool:
    return any(line in str(event) for event in outcome.events) or line in outcome.output


@pytest.mark.full
@pytest.mark.demand("U42", "U47")
def test_a_dead_worker_makes_room_for_other_metal_and_the_only_manager_is_given_up_by_name(
    pair: LabStack, lab: Lab
) -> None:
    stack = pair
    stack.up().expect()
    assert_whole(stack)
    old = stack.docker("/info")["Swarm"]["Cluster"]["ID"]

    # n2 is unplugged, and another server stands in its place, with its BMC elsewhere: nobody asks the old one.
    dead, spec = lab.host("n2"), lab.spec.machine("n2")
    dead.kill()
    shutil.rmtree(spec.machine_directory / "disk")
    stack.inventory["hosts"]["n2"]["macs"] = ["52:54:00:99:99:99"]
    assert "n2: other metal under its name" in stack.preview().output
    stack.inventory["hosts"]["n2"]["macs"] = [spec.mac]
    with moved_bmc("127.0.70.98", (str(spec.bmc), spec.bmc_port)) as port:
        stack.inventory["hosts"]["n2"]["bmc"] |= {"address": "127.0.70.98", "port": port}
        stack.fleet["hosts"] = {"n2": {"generation": 2}}
        stack.up().expect()
        assert_whole(stack)
        give_up_the_only_manager(stack, old)
        rename_the_worker(stack)
        stack.destroy().expect()


def give_up_the_only_manager(stack: LabStack, old: str) -> None:
    """Refused without a word; done with it, and the worker is in the new swarm."""
    stack.fleet["hosts"]["n1"] = {"generation": 2}
    refused = stack.preview()
    assert not refused.ok
    assert "all Swarm managers would go in one update (n1)" in refused.output
    stack.fleet["clusters"]["blue"]["override"] = ["last"]
    reborn = stack.up().expect()
    assert said(reborn, "blue: last overridden: all Swarm managers would go in one update (n1)")
    assert_whole(stack)
    assert stack.docker("/info")["Swarm"]["Cluster"]["ID"] != old
    assert ("update", "SwarmNode", "n2") in stack.links(reborn)

    # Taken back, it changes the plan and nothing else.
    del stack.fleet["clusters"]["blue"]["override"]
    assert stack.touched(stack.up().expect()) == {"blue"}
    assert set(stack.up("--refresh").expect().changes) == {"same"}


def rename_the_worker(stack: LabStack) -> None:
    """Nothing is replaced, nothing leaves the swarm, and the new name is everywhere."""
    boot = stack.ssh("n2", "cat /proc/sys/kernel/random/boot_id")
    node = next(each["ID"] for each in stack.docker("/nodes") if each["Description"]["Hostname"] == "n2")
    stack.inventory["hosts"]["web2"] = {**stack.inventory["hosts"].pop("n2"), "was": "n2"}
    stack.fleet["pools"]["core"]["hosts"] = ["n1", "web2"]
    stack.fleet["hosts"]["web2"] = stack.fleet["hosts"].pop("n2")
    renamed = stack.up().expect()
    assert said(renamed, "blue: n2 is web2 from now on")
    chain = {"BootDevice", "Power", "HostReady", "DockerEngine", "ConsulMember", "SwarmNode", "ManagerNode"}
    assert set(stack.links(renamed)) == {("update", "ClusterPlan", "blue"), *(("update", one, "web2") for one in chain)}
    assert nodes(stack) == {"n1": ("manager", "ready"), "web2": ("worker", "ready")}
    (after,) = [each for each in stack.docker("/nodes") if each["Description"]["Hostname"] == "web2"]
    assert (after["ID"], after["Spec"]["Labels"]["metalswarm.host"]) == (node, "web2")
    assert {member["Node"] for member in stack.consul("/v1/catalog/nodes")} == {"n1", "web2"}
    assert {each["name"] for each in stack.stackengine("/api/nodes")} == {"n1", "web2"}
    assert stack.ssh("n2", "cat /proc/sys/kernel/random/boot_id; hostname").split() == [boot, "web2"]
    assert marker(stack, "n2")["host"] == "web2"

    # What it was is of no more use, and may be taken out.
    assert set(stack.up().expect().changes) == {"same"}
    del stack.inventory["hosts"]["web2"]["was"]
    assert set(stack.up("--refresh").expect().changes) == {"same"}
