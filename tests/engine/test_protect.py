"""Settings that forbid: nothing is deleted where one thing of it may not be."""

from __future__ import annotations

import json

import pytest

from tests.unit.small_fleet import document, write_inventory

pytestmark = pytest.mark.engine

# The cluster's hosts and members are stand-ins that keep a log: real ones would dial them.
PARTS = """
import json, os
from pathlib import Path
from pulumi.dynamic import Resource
from providers.link import Link

LOG = Path(os.environ["LINK_LOG"])


class MemberLink(Link):
    quiet = ("host_key",)

    def identity(self, props):
        return f"{props.get('up', 'ground')}/{props.get('host', 'formed')}"

    def act(self, props, before):
        return {}

    def undo(self, props):
        with LOG.open("a") as out:
            out.write(props.get("host", "formed") + "\\n")


class Member(Resource, module="probe", name="Member"):
    def __init__(self, name, props, opts=None):
        super().__init__(MemberLink(), name, dict(props), opts)


class Ready(Member, module="probe", name="Ready"):
    host_key = "ssh-ed25519 AAAA"
"""

PROGRAM = """
from pathlib import Path

import pulumi

import components.consul_cluster as consul
from components.inputs import cluster_plan_inputs
from components.ready_host import ReadyHost
from metal.settings import load_fleet
from parts import Member, Ready
from providers.cluster_plan import ClusterPlan

consul.ConsulMember = consul.ConsulFormed = Member
fleet = load_fleet(pulumi.Config().require_object("fleet"), root=Path.cwd(), owner="metalswarm/dev")
ready = {
    name: ReadyHost(host, fleet).ready if host.hold else Ready(name, {"host": name, "owner": fleet.owner, "hold": ""})
    for name, host in fleet.hosts.items()
}
for cluster in fleet.clusters.values():
    consul.ConsulCluster(cluster, fleet, ready, ClusterPlan(cluster.name, cluster_plan_inputs(cluster, fleet)))
"""


@pytest.fixture
def stack(project, tmp_path):
    """A stack whose only real host is on hold, so that no link of it is ever dialled."""
    project.name = "metalswarm"
    project.environment["LINK_LOG"] = str(tmp_path / "log")
    (tmp_path / "log").write_text("")
    project.create(PROGRAM, modules={"parts.py": PARTS})

    def up(wanted, **facts):
        write_inventory(project.folder, n3={"hold": "not racked yet", **facts})
        project.config({"metalswarm:fleet": json.dumps(wanted), "metalswarm:seed": "QUJD" * 10 + "QUI="})
        return project.up()

    project.up_with = up
    project.log = tmp_path / "log"
    return project


def of_n3(stack) -> set[str]:
    urns = [resource["urn"] for resource in stack.export()["resources"]]
    return {urn.split("::")[2].split(":")[-1] for urn in urns if urn.endswith("::n3")}


def test_destroy_is_refused_before_anything_is_deleted(stack) -> None:
    wanted = {**document(), "limits": {"destroy": "refuse"}}
    stack.up_with(wanted).expect()
    before = stack.export()["resources"]

    refused = stack.destroy().expect(ok=False)
    assert "limits.destroy: refuse forbids destroying metalswarm/dev; nothing was touched" in refused.output
    assert refused.changes.get("delete", 0) == 0
    assert stack.log.read_text() == ""
    assert [resource["urn"] for resource in stack.export()["resources"]] == [resource["urn"] for resource in before]

    gone = {**wanted, "pools": {"engines": wanted["pools"]["engines"]}}
    del gone["clusters"], gone["consul"]
    refused = stack.up_with(gone).expect(ok=False)
    assert "limits.destroy: refuse forbids dissolving cluster blue" in refused.output
    assert not {"n1", "n2", "formed"} & set(stack.log.read_text().split())

    stack.up_with({**wanted, "limits": {"destroy": "allow"}}).expect()
    stack.destroy().expect()
    assert sorted(set(stack.log.read_text().split())) == ["formed", "n1", "n2", "n4"]
    assert stack.resources() == {}


def test_a_protected_host_is_neither_removed_nor_given_a_new_life(stack) -> None:
    wanted = document()
    stack.up_with(wanted, protected=True).expect()

    gone = document()
    gone["pools"]["engines"]["hosts"] = []
    refused = stack.up_with(gone, protected=True).expect(ok=False)
    assert "protected" in refused.output
    assert of_n3(stack) == {"ReadyHost", "BootDevice", "Power", "HostReady"}, "not one link of it is gone"

    raised = document()
    raised["hosts"] = {"n3": {"generation": 5}}
    assert set(stack.up_with(raised, protected=True).expect().changes) == {"same"}, "on hold nothing is due at all"

    stack.up_with(wanted).expect()
    stack.up_with(gone).expect()
    assert of_n3(stack) == set()


def test_a_plan_that_is_refused_reads_as_its_reason(stack) -> None:
    stack.up_with(document()).expect()
    other = document()
    other["clusters"]["blue"]["swarm"]["address_pool"] = "172.31.0.0/16"
    refused = stack.up_with(other).expect(ok=False)
    assert "172.31.0.0/16" in refused.output
    assert "map[" not in refused.output


CHAIN = """
import pulumi
from parts import Member, Ready

guarded = pulumi.ResourceOptions(protect=True)
inputs = {"host": "a", "owner": "metalswarm/dev", "hold": ""}
first = Ready("first", {**inputs, "up": pulumi.Config().require("life")}, guarded)
Member("next", {**inputs, "up": first.id}, guarded)
"""


def test_a_new_life_of_a_protected_chain_is_refused_with_the_whole_chain_standing(stack) -> None:
    stack.write(CHAIN, modules={"parts.py": PARTS})
    stack.config({"life": "g1"})
    stack.up().expect()
    stack.config({"life": "g2"})
    for run in (stack.preview, stack.up):
        assert "To unprotect the resource" in run().expect(ok=False).output
    assert stack.log.read_text() == ""
    assert {"first", "next"} <= set(stack.resources())
