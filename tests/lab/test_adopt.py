"""A swarm and a Consul made by hand are taken over: nothing restarts, and then they are managed like any other."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.api import Lab
from tests.lab.containers import busybox_image
from tests.lab.handmade import TOKEN, AdoptedStack, HandMade
from tests.lab.ready_stack import small_lab
from tests.waiting import wait_for

pytestmark = [pytest.mark.lab, pytest.mark.engine]

SEED = base64.b64encode(bytes(range(32))).decode()
PIDS = ("docker.service", "consul-by-hand.service")


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with small_lab("adopt", 20, hosts=4) as lab:
        yield lab


@pytest.fixture(scope="module")
def made(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> HandMade:
    made = HandMade(lab, ["n1", "n2", "n3"], ["n4"])
    made.build()
    made.build_consul()
    made.ssh("n1", "docker node update --label-add floor=2 --availability drain n3")
    made.serve(busybox_image(tmp_path_factory.mktemp("image")), replicas=3)
    return made


@pytest.fixture(scope="module")
def stack(lab: Lab, pulumi_bin: Path, tmp_path_factory: pytest.TempPathFactory) -> AdoptedStack:
    environment = {
        "METALSWARM_SEED": SEED,
        "METALSWARM_SSH_DEFAULT_FILE": str(lab.ssh_key),
        "METALSWARM_CONSUL_MAIN": TOKEN,
        "PULUMI_CONTINUE_ON_ERROR": "true",
    }
    return AdoptedStack(tmp_path_factory.mktemp("adopt") / "project", pulumi_bin, lab, environment)


@pytest.mark.demand("U33")
@pytest.mark.demand("U39")
def test_what_was_made_by_hand_comes_in_and_nothing_restarts(made: HandMade, stack: AdoptedStack) -> None:
    processes, running, before = made.processes(*PIDS), made.running(), made.nodes()
    said = stack.adopt("n2")
    assert "made by hand: 3 managers, 1 workers" in said
    hosts = stack.inventory()["hosts"]
    assert {name: host["address"] for name, host in hosts.items()} == {n: made.address(n) for n in made.hosts}
    for name in made.hosts:
        assert hosts[name]["host_key"] == " ".join(made.ssh(name, "cat /etc/ssh/ssh_host_ed25519_key.pub").split()[:2])
    fleet = stack.fleet()
    assert fleet["clusters"]["main"]["consul"]["external"]["api"] == "http://127.0.0.1:8500"
    assert fleet["pools"]["managers-drain"] == {
        "cluster": "main",
        "hosts": ["n3"],
        "engine": "keep",
        "availability": "drain",
    }
    assert "nothing was written" in stack.adopt("n2", ok=False), "never over a file that is there"
    done = stack.command("validate", "Pulumi.dev.yaml", "inventory/main.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    stack.init()

    preview = stack.project.preview().expect()
    assert set(preview.changes) == {"create"}
    assert "the engine as it runs; port 2475 is not offered there" in preview.output
    outcome = stack.project.up().expect()
    assert stack.replaced(outcome) == []

    assert made.processes(*PIDS) == processes
    assert made.running() == running
    after = made.nodes()
    for name, node in before.items():
        spec = after[name]["Spec"]
        labels = {key: value for key, value in spec["Labels"].items() if not key.startswith("metalswarm.")}
        assert (after[name]["ID"], spec["Role"], spec["Availability"], labels) == (
            node["ID"],
            node["Spec"]["Role"],
            node["Spec"]["Availability"],
            node["Spec"]["Labels"],
        )
        assert spec["Labels"]["metalswarm.host"] == name
    for name in made.hosts:
        assert made.ssh(name, "apt-mark showhold") == ""
        assert json.loads(made.ssh(name, "cat /etc/docker/daemon.json")) == {"log-driver": "json-file", "mtu": 1400}
        assert made.ssh(name, "ss -Hltn 'sport = :2475 or sport = :2376'") == ""
    assert TOKEN not in str(stack.project.export())


def test_the_hosts_stand_in_the_consul_that_was_there(made: HandMade, stack: AdoptedStack) -> None:
    record = made.consul("n1", "kv/metalswarm/main/swarm?raw")
    assert record["swarm"] == made.ssh("n1", "docker info -f '{{.Swarm.Cluster.ID}}'")

    def passing() -> list[str]:
        return sorted(row["Node"]["Node"] for row in made.consul("n4", "health/service/docker-swarm?passing") or [])

    wait_for("every node passing", lambda: passing() == made.hosts)
    lines = made.consul("n1", "kv/docker-swarm/docker/swarm/nodes/?keys")
    assert len(lines) == 4
    assert set(stack.project.up().expect().changes) == {"same"}
    assert set(stack.project.refresh("--expect-no-changes").expect().changes) == {"same"}
    done = stack.command("status", "--json", "--stack", "dev")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.demand("U36")
def test_taken_over_engines_are_managed_like_any_other(made: HandMade, stack: AdoptedStack) -> None:
    """Managers' engines restart one at a time, and every swarm port answers after it."""
    pools = stack.fleet()["pools"]
    for pool in pools.values():
        del pool["engine"]
    stack.edit(pools=pools)
    preview = stack.project.preview().expect()
    assert set(preview.changes) == {"update", "same"}
    assert "the engine taken over" in preview.output
    before, consul = made.nodes(), made.processes("consul-by-hand.service")
    stack.project.up(timeout=540).expect()
    after = made.nodes()
    assert {name: node["ID"] for name, node in after.items()} == {name: node["ID"] for name, node in before.items()}
    # A leader that took over lately calls a node unknown until it has heard of it.
    wait_for("every node ready", lambda: {node["Status"]["State"] for node in made.nodes().values()} == {"ready"})
    assert made.processes("consul-by-hand.service") == consul
    for name in made.managers:
        assert "2475" in made.ssh(name, "ss -Hltn 'sport = :2475'")
        assert made.ssh(name, "apt-mark showhold") == "docker.io"
    wait_for("the service runs again", lambda: len(made.running()) == 3, seconds=120)
    assert set(stack.project.up().expect().changes) == {"same"}


@pytest.mark.full
@pytest.mark.demand("U33")
def test_a_lost_state_comes_back_from_the_hosts(
    made: HandMade, stack: AdoptedStack, pulumi_bin: Path, tmp_path: Path
) -> None:
    """State, inventory and stack file are gone; the hosts' markers are not. This time through a jump host."""
    again = AdoptedStack(tmp_path / "again", pulumi_bin, made.lab, stack.project.environment)
    key = " ".join(made.ssh("n4", "cat /etc/ssh/ssh_host_ed25519_key.pub").split()[:2])
    jump = (f"--jump=ssh://root@{made.address('n4')}", f"--jump-host-key={key}")
    assert "of this stack, as it was" in again.adopt("n1", *jump)
    assert again.inventory()["jumps"]["jump"]["address"] == made.address("n4")
    assert {name: set(pool) for name, pool in again.fleet()["pools"].items()} == {
        "managers": {"cluster", "hosts"},
        "managers-drain": {"cluster", "hosts", "availability"},
        "workers": {"cluster", "hosts"},
    }
    again.init()
    processes, running = made.processes(*PIDS), made.running()
    assert set(again.project.preview().expect().changes) == {"create"}
    outcome = again.project.up().expect()
    assert again.replaced(outcome) == []
    assert made.processes(*PIDS) == processes
    assert made.running() == running


@pytest.mark.demand("U36")
def test_a_worker_that_was_taken_over_leaves_like_any_other(made: HandMade, stack: AdoptedStack) -> None:
    """A door in both directions: nothing of it stays in the swarm, nor in that Consul."""
    pools = stack.fleet()["pools"]
    del pools["workers"]
    stack.edit(pools=pools)
    stack.project.up().expect()
    assert set(made.nodes()) == {"n1", "n2", "n3"}
    rows = made.consul("n1", "catalog/service/docker-swarm")
    assert sorted(row["Node"] for row in rows) == ["n1", "n2", "n3"]
    assert len(made.consul("n1", "kv/docker-swarm/docker/swarm/nodes/?keys")) == 3
    assert "n4" in [row["Node"] for row in made.consul("n1", "catalog/nodes")], "its own agent stays"
