"""State, inventory and stack file of a cluster of ours are gone; what is on its hosts brings it back as it runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from lab.api import Lab
from tests.lab.handmade import AdoptedStack, HandMade
from tests.lab.ready_stack import small_lab
from tests.lab.stack import LabStack

pytestmark = [pytest.mark.lab, pytest.mark.engine, pytest.mark.full]

UNITS = ("docker.service", "consul.service", "stackengine.service")


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with small_lab("lostst", 23) as lab:
        yield lab


def certificates(hosts: HandMade) -> list[str]:
    files = "/etc/docker/metalswarm/*.pem /etc/consul.d/tls/*.pem"
    return [hosts.ssh(host, f"sha256sum {files}") for host in hosts.hosts]


@pytest.mark.demand("U39", "R5")
def test_a_cluster_of_ours_comes_back_and_nothing_restarts(
    lab: Lab, pulumi_bin: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    before = LabStack(tmp_path_factory.mktemp("before") / "project", pulumi_bin, lab)
    cluster = before.fleet["clusters"]["blue"]
    cluster["managers"] = cluster["manager"]["nodes"] = ["n1"]
    before.fleet["pools"] = {
        "core": {"cluster": "blue", "hosts": ["n1"], "generation": 1},
        "web": {"cluster": "blue", "hosts": ["n2"], "generation": 1, "labels": {"tier": "web"}},
    }
    before.up().expect()
    hosts = HandMade(lab, ["n1"], ["n2"])
    processes, nodes, made = hosts.processes(*UNITS), hosts.nodes(), certificates(hosts)
    installs = [lab.host(name).status().installs for name in hosts.hosts]
    consul = before.fleet["consul"]["url"]

    after = AdoptedStack(tmp_path_factory.mktemp("after") / "project", pulumi_bin, lab, before.project.environment)
    bmcs = tmp_path_factory.mktemp("bmcs") / "bmcs.yaml"
    bmcs.write_text(yaml.safe_dump(before.inventory))
    said = after.adopt(
        "n1", f"--inventory={bmcs}", f"--consul-url={consul}", f"--manager-url={cluster['manager']['url']}"
    )
    assert "of this stack, as it was: 1 managers, 1 workers" in said
    assert "To fill in" not in said
    fleet = after.fleet()
    assert fleet["hosts"] == {
        "n1": {"generation": 1},
        "n2": {"generation": 1, "labels": {"tier": "web"}},
    }
    assert fleet["clusters"]["blue"]["consul"] == {"datacenter": "dc1", "servers": ["n1"]}
    after.init()
    assert set(after.project.preview().expect().changes) == {"create"}
    outcome = after.project.up().expect()
    assert after.replaced(outcome) == []
    assert hosts.processes(*UNITS) == processes
    assert certificates(hosts) == made
    assert {name: node["Spec"] for name, node in hosts.nodes().items()} == {
        name: node["Spec"] for name, node in nodes.items()
    }
    assert [lab.host(name).status().installs for name in hosts.hosts] == installs
    assert set(after.project.up().expect().changes) == {"same"}
    done = after.command("status", "--stack", "dev")
    assert done.returncode == 0, done.stdout + done.stderr
