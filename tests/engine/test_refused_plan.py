"""The program itself, with links that only take notes: where a plan is refused, `up --skip-preview` touches no host."""

from __future__ import annotations

import json

import pytest

from tests.engine.project import CHECKOUT, Outcome
from tests.unit.small_fleet import document, write_inventory

pytestmark = pytest.mark.engine

# Edges, inputs, lives and diffs are the real ones. Only what would dial a host is replaced, and in a run that is to be
# refused the plan comes as late as it can: when a host has been touched, or two seconds after none was.
PARTS = """
import asyncio
import os
import time
from pathlib import Path

import pulumi

import components.fleet
from providers import boot_device, consul_member, docker_engine, formed, host_ready, manager_node, power, swarm_node

LOG = Path(os.environ["LINK_LOG"])


class Notes:
    made = {}

    def act(self, props, before):
        self.note("act", props)
        return dict(self.made)

    def undo(self, props):
        self.note("undo", props)

    def look(self, props):
        return dict(self.made)

    def note(self, verb, props):
        with LOG.open("a") as out:
            out.write(f"{verb} {type(self).__name__} {props.get('host') or props['cluster']}\\n")


class BootDevice(Notes, boot_device.BootDeviceProvider):
    made = {"device": "default", "installed": 1}


class Power(Notes, power.PowerProvider):
    pass


class HostReady(Notes, host_ready.HostReadyProvider):
    made = {"host_key": "ssh-ed25519 AAAA"}


class DockerEngine(Notes, docker_engine.DockerEngineProvider):
    pass


class ConsulMember(Notes, consul_member.ConsulMemberProvider):
    pass


class SwarmNode(Notes, swarm_node.SwarmNodeProvider):
    pass


class ManagerNode(Notes, manager_node.ManagerNodeProvider):
    pass


class ConsulFormed(Notes, formed.ConsulFormedProvider):
    pass


class SwarmFormed(Notes, formed.SwarmFormedProvider):
    pass


class RingFormed(Notes, formed.RingFormedProvider):
    pass


async def late(value):
    deadline = time.monotonic() + 2
    while not LOG.stat().st_size and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    return value


def late_plan_inputs(cluster, fleet):
    inputs = plan_inputs(cluster, fleet)
    return {**inputs, "membership": pulumi.Output.from_input(late(inputs["membership"]))}


plan_inputs = components.fleet.cluster_plan_inputs
if "PLAN_IS_LATE" in os.environ:
    components.fleet.cluster_plan_inputs = late_plan_inputs

boot_device.BootDeviceProvider = BootDevice
power.PowerProvider = Power
host_ready.HostReadyProvider = HostReady
docker_engine.DockerEngineProvider = DockerEngine
consul_member.ConsulMemberProvider = ConsulMember
swarm_node.SwarmNodeProvider = SwarmNode
manager_node.ManagerNodeProvider = ManagerNode
formed.ConsulFormedProvider = ConsulFormed
formed.SwarmFormedProvider = SwarmFormed
formed.RingFormedProvider = RingFormed
"""

HOST_LINKS = {"BootDevice", "Power", "HostReady", "DockerEngine", "ConsulMember", "SwarmNode", "ManagerNode"}


@pytest.fixture(params=["true", "false"], ids=["continue-on-error", "stop-at-error"])
def stack(request, project, tmp_path):
    project.name = "metalswarm"
    project.environment |= {
        "LINK_LOG": str(tmp_path / "log"),
        "PULUMI_CONTINUE_ON_ERROR": request.param,
        "METALSWARM_SEED": "QUJD" * 10 + "QUI=",
    }
    project.folder.mkdir()
    write_inventory(project.folder)
    project.create("import parts\n" + (CHECKOUT / "__main__.py").read_text(), modules={"parts.py": PARTS})

    def up(wanted) -> tuple[Outcome, list[str]]:
        project.config({"metalswarm:fleet": json.dumps(wanted)})
        (tmp_path / "log").write_text("")
        return project.up(), (tmp_path / "log").read_text().splitlines()

    project.up_with = up
    return project


def all_managers_reinstalled() -> dict:
    wanted = document()
    wanted["pools"]["core"]["generation"] = 2
    return wanted


def the_only_manager_leaves() -> dict:
    wanted = document()
    wanted["clusters"]["blue"]["managers"] = ["n2"]
    wanted["pools"]["core"]["hosts"] = ["n2"]
    wanted["pools"]["spare"]["hosts"] = ["n4", "n1"]
    return wanted


def hosts_touched(outcome: Outcome) -> list[tuple[str, str]]:
    """(operation, link and host) of every step on a host's chain, those that changed nothing too."""
    found = []
    for operation, urn in outcome.steps():
        link = urn.split("::")[2].split(":")[-1]
        if link in HOST_LINKS:
            found.append((operation, f"{link} {urn.split('::')[-1]}"))
    return found


def chains(stack) -> dict[str, tuple]:
    """Every resource of ours that the state holds, with what is known of it."""
    resources = [each for each in stack.export()["resources"] if "pulumi-python:dynamic/" in each["urn"]]
    return {each["urn"]: (each.get("id"), each.get("inputs"), each.get("outputs")) for each in resources}


def test_a_refused_plan_stops_every_host_also_without_a_preview(stack) -> None:
    made, notes = stack.up_with(document())
    made.expect()
    assert ("create", "BootDevice n1") in hosts_touched(made)
    assert "act ManagerNode n2" in notes
    before = chains(stack)

    for wanted, reason in (
        (all_managers_reinstalled(), "all Swarm managers would go in one update (n1)"),
        (the_only_manager_leaves(), "all Swarm managers would go in one update (n1)"),
    ):
        stack.environment["PLAN_IS_LATE"] = "yes"
        refused, notes = stack.up_with(wanted)
        refused.expect(ok=False)
        assert reason in refused.output
        assert "Traceback" not in refused.output, refused.output
        assert hosts_touched(refused) == []
        assert notes == []
        assert chains(stack) == before

    # A change that the plan allows goes on at once, and gives no host a new life but its own.
    wanted = document()
    wanted["hosts"] = {"n2": {"generation": 2}}
    del stack.environment["PLAN_IS_LATE"]
    moved, notes = stack.up_with(wanted)
    moved.expect()
    assert "undo BootDevice n2" in notes
    assert {note.split()[-1] for note in notes} == {"n2"}
