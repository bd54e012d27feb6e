"""Membership on hosts that really boot: birth, roles, drain, death, ghosts, the end of a cluster."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from lab.api import Lab
from metal.cluster.docker.tls import tls_context
from metal.cluster.swarm import NodeReport, NodeWish, ensure_node, observe_node, remove_node, wait_formed
from metal.errors import Cancelled, ClusterError, PlanRefused
from metal.pki.authority import Authority
from metal.plan.join import BirthRecord, Role
from metal.waiting import Run
from tests.lab.containers import busybox_image, wait_for
from tests.lab.engines import SEED, MemoryRecord, Rack, reinstall, together

pytestmark = pytest.mark.lab

HOSTS = ("n1", "n2", "n3")


@pytest.fixture(scope="module")
def rack(lab: Lab) -> Iterator[Rack]:
    together(*(lambda name=name: reinstall(lab, name) for name in HOSTS))
    rack = Rack(lab, HOSTS)
    together(*(lambda name=name: rack.engine(name) for name in HOSTS))
    yield rack
    rack.site.close()
    for name in HOSTS:
        lab.host(name).kill()


@pytest.fixture(scope="module")
def record() -> MemoryRecord:
    return MemoryRecord()


def ensure(rack: Rack, record: MemoryRecord, name: str, **changes: object) -> NodeReport:
    return ensure_node(rack.site, rack.node_wish(name, **changes), record)


def listed(rack: Rack, manager: str = "n1") -> dict[str, str]:
    """Host name -> role and state, as a person sees them; a name that is listed twice fails the test."""
    lines = rack.docker(manager, "node", "ls", "--format", "{{.Hostname}} {{.Status}} {{.ManagerStatus}}").splitlines()
    names = [line.split()[0] for line in lines]
    assert len(set(names)) == len(names), f"ghosts: {lines}"
    return {line.split()[0]: " ".join(line.split()[1:]) for line in lines}


@pytest.fixture(scope="module")
def born(rack: Rack, record: MemoryRecord) -> list[NodeReport]:
    """All three begin at once; the record decides who gives birth."""
    acts = [lambda name=name: ensure(rack, record, name, labels={"rack": name}) for name in HOSTS]
    *reports, formed = together(*acts, lambda: wait_formed(rack.site, "blue"))
    assert not formed.missing
    return reports


def test_one_swarm_is_born_whoever_comes_first(rack: Rack, record: MemoryRecord, born: list[NodeReport]) -> None:
    assert {report.swarm for report in born} == {record.value.swarm}
    assert sorted(listed(rack).values()) == ["Ready Leader", "Ready Reachable", "Ready Reachable"]
    pools = json.loads(rack.docker("n1", "info", "--format", "{{json .Swarm.Cluster.DefaultAddrPool}}"))
    assert pools == ["172.30.0.0/16"]
    assert not [line for line in rack.lines if "SWMTKN" in line]


def test_again_changes_nothing(rack: Rack, record: MemoryRecord, born: list[NodeReport]) -> None:
    before = rack.docker("n1", "node", "inspect", "n1", "n2", "n3", "--format", "{{.ID}} {{.Version.Index}}")
    again = together(*(lambda name=name: ensure(rack, record, name, labels={"rack": name}) for name in HOSTS))
    assert again == born
    assert before == rack.docker("n1", "node", "inspect", "n1", "n2", "n3", "--format", "{{.ID}} {{.Version.Index}}")


def test_every_manager_answers_on_the_swarms_port(rack: Rack, born: list[NodeReport]) -> None:
    blue = Authority.of(SEED, "blue")
    for name in HOSTS:
        url = f"https://{rack.access(name).address}:2475/nodes"
        with httpx.Client(verify=tls_context(blue, with_certificate=True), trust_env=False) as http:
            assert len(http.get(url).json()) == 3
        with (
            httpx.Client(verify=tls_context(blue, with_certificate=False), trust_env=False) as http,
            pytest.raises(httpx.TransportError),
        ):
            http.get(url)


def test_demotion_and_promotion_in_place(rack: Rack, record: MemoryRecord, born: list[NodeReport]) -> None:
    rack.want(["n1"], ["n2", "n3"])
    together(*(lambda name=name: ensure(rack, record, name, labels={"tier": "web"}) for name in ("n2", "n3")))
    assert listed(rack) == {"n1": "Ready Leader", "n2": "Ready", "n3": "Ready"}
    seen = observe_node(rack.site, rack.node_wish("n2"))
    assert (seen.role, seen.state, seen.availability) == (Role.WORKER, "ready", "active")
    assert seen.labels["tier"] == "web"
    assert "rack" not in seen.labels, "a label that was taken out of the settings stays"
    assert "2475" not in rack.ssh("n2").run(["ss", "-ltn"]).stdout
    rack.want(HOSTS)
    together(*(lambda name=name: ensure(rack, record, name) for name in HOSTS))
    assert sorted(listed(rack).values()) == ["Ready Leader", "Ready Reachable", "Ready Reachable"]
    # The engine was the same all the time.
    assert observe_node(rack.site, rack.node_wish("n2")).node == seen.node


def test_last_manager_is_not_demoted(rack: Rack, record: MemoryRecord, born: list[NodeReport]) -> None:
    rack.want(["n1"], ["n2", "n3"])
    together(*(lambda name=name: ensure(rack, record, name) for name in ("n2", "n3")))
    wish = rack.node_wish("n1", role=Role.WORKER)
    short = replace(rack.site, fleet=replace(rack.site.fleet, deadlines=_brief(rack)))
    with pytest.raises(ClusterError, match="is worker in the swarm") as refused:
        ensure_node(short, wish, record)
    assert "quorum" in str(refused.value)
    assert listed(rack)["n1"] == "Ready Leader"


def test_drain_waits_until_the_tasks_are_elsewhere(
    rack: Rack, record: MemoryRecord, born: list[NodeReport], tmp_path: Path
) -> None:
    image = busybox_image(tmp_path).read_bytes()
    for name in ("n2", "n3"):
        rack.ssh(name).run(["docker", "import", "-", "probe:1"], stdin=image)
    command = ["--", "probe:1", "/bin/busybox", "sleep", "3600"]
    options = ["--detach", "--no-resolve-image", "--constraint", "node.role==worker", "--stop-grace-period", "1s"]
    rack.ssh("n1").run(["docker", "service", "create", "--name", "probe", "--replicas", "2", *options, *command])
    for name in ("n2", "n3"):
        wait_for(f"a replica on {name}", lambda name=name: bool(rack.docker(name, "ps", "-q")))
    remove_node(rack.site, rack.node_wish("n3"), record)
    assert rack.docker("n3", "ps", "-q") == ""
    assert rack.docker("n3", "info", "--format", "{{.Swarm.LocalNodeState}}") == "inactive"
    assert set(listed(rack)) == {"n1", "n2"}
    remove_node(rack.site, rack.node_wish("n3"), record)
    rack.docker("n1", "service", "rm", "probe")


def test_an_interrupted_join_is_finished_by_the_next_run(
    rack: Rack, record: MemoryRecord, born: list[NodeReport]
) -> None:
    cancel = threading.Event()

    def stop_at_the_join(line: str) -> None:
        if "joins the swarm" in line:
            cancel.set()

    interrupted = rack.site.with_run(Run(cancel=cancel, progress=stop_at_the_join))
    with pytest.raises(Cancelled):
        ensure_node(interrupted, rack.node_wish("n3"), record)
    ensure(rack, record, "n3")
    assert listed(rack) == {"n1": "Ready Leader", "n2": "Ready", "n3": "Ready"}


def test_a_manager_that_died_is_evicted_and_comes_back_as_new(
    rack: Rack, record: MemoryRecord, born: list[NodeReport]
) -> None:
    rack.want(HOSTS)
    together(*(lambda name=name: ensure(rack, record, name) for name in HOSTS))
    rack.lab.host("n3").kill()
    rack.site.ssh.forget("n3")
    remove_node(rack.site, rack.node_wish("n3"), record, dead=True)
    assert set(listed(rack)) == {"n1", "n2"}
    reinstall(rack.lab, "n3")
    rack.engine("n3")
    ensure(rack, record, "n3")
    assert sorted(listed(rack).values()) == ["Ready Leader", "Ready Reachable", "Ready Reachable"]


def test_a_manager_reinstalled_behind_our_back_leaves_no_ghost(
    rack: Rack, record: MemoryRecord, born: list[NodeReport]
) -> None:
    rack.site.ssh.forget("n2")
    reinstall(rack.lab, "n2")
    rack.engine("n2")
    ensure(rack, record, "n2")
    assert sorted(listed(rack).values()) == ["Ready Leader", "Ready Reachable", "Ready Reachable"]


def test_another_swarm_is_not_taken_for_ours(rack: Rack, record: MemoryRecord, born: list[NodeReport]) -> None:
    remove_node(rack.site, rack.node_wish("n3"), record)
    rack.docker("n3", "swarm", "init", "--advertise-addr", rack.access("n3").address)
    with pytest.raises(PlanRefused, match="another swarm") as refused:
        ensure(rack, record, "n3")
    assert "docker swarm leave" in str(refused.value)
    rack.docker("n3", "swarm", "leave", "--force")
    ensure(rack, record, "n3")


def test_a_cluster_ends_without_drain_and_without_record(
    rack: Rack, record: MemoryRecord, born: list[NodeReport]
) -> None:
    wishes: list[NodeWish] = [rack.node_wish(name) for name in HOSTS]
    for _ in range(2):
        together(*(lambda wish=wish: remove_node(rack.site, wish, record, dissolving=True) for wish in wishes))
    assert record.value is None
    for name in HOSTS:
        assert observe_node(rack.site, rack.node_wish(name)).local == "inactive"
        assert "2475" not in rack.ssh(name).run(["ss", "-ltn"]).stdout
    # The name can be used again.
    record.value = BirthRecord("n9")
    rack.want(["n1"])
    assert ensure(rack, record, "n1").role is Role.MANAGER
    assert record.value.founder == "n1"


def _brief(rack: Rack) -> object:
    limits = rack.site.fleet.deadlines
    return replace(limits, boot=1, ssh=5, ready=1, packages=1, engine=1, consul=1, swarm=2)
