"""Membership on hosts that really boot: birth, roles, drain, death, ghosts, the end of a cluster."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
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
from tests.lab.containers import busybox_image
from tests.lab.engines import SEED, MemoryRecord, Rack, reinstall, together
from tests.waiting import wait_for

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


@pytest.mark.demand("W5")
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


@dataclass(frozen=True)
class Parts:
    """Who plays which part: an engine remembers the address that it joined through, until it is restarted.

    :ivar stays: manager all the time.
    :ivar through: joined before `late`, which came in through it.
    """

    stays: str
    through: str
    late: str

    @property
    def others(self) -> tuple[str, str]:
        return self.through, self.late


@pytest.fixture(scope="module")
def parts(rack: Rack, record: MemoryRecord, born: list[NodeReport]) -> Parts:
    late = next(name for name in HOSTS if name != record.value.founder)
    state = json.loads(rack.ssh(late).read("/var/lib/docker/swarm/docker-state.json"))
    address = state["RemoteAddr"].partition(":")[0]
    through = next(name for name in HOSTS if rack.access(name).address == address)
    return Parts(next(name for name in HOSTS if name not in (late, through)), through, late)


@pytest.mark.demand("U43")
def test_managers_become_workers_in_place(rack: Rack, record: MemoryRecord, parts: Parts) -> None:
    before = {name: observe_node(rack.site, rack.node_wish(name)).node for name in parts.others}
    rack.want([parts.stays], parts.others)
    together(*(lambda name=name: ensure(rack, record, name, labels={"tier": "web"}) for name in parts.others))
    assert listed(rack, parts.stays) == {parts.stays: "Ready Leader", parts.through: "Ready", parts.late: "Ready"}
    for name in parts.others:
        seen = observe_node(rack.site, rack.node_wish(name))
        assert (seen.role, seen.state, seen.availability) == (Role.WORKER, "ready", "active")
        assert seen.labels["tier"] == "web"
        assert "rack" not in seen.labels, "a label that was taken out of the settings stays"
        assert "2475" not in rack.ssh(name).run(["ss", "-ltn"]).stdout
        # SwarmKit may lose a manager on this way; then it has joined anew, and said so.
        assert seen.node == before[name] or any(f"{name}: its engine is in error" in line for line in rack.lines)


@pytest.mark.demand("U43")
def test_last_manager_is_not_demoted(rack: Rack, record: MemoryRecord, parts: Parts) -> None:
    rack.want([parts.stays], parts.others)
    limits = replace(rack.site.fleet.deadlines, boot=1, ssh=2, ready=0, packages=0, engine=0, consul=0, swarm=2)
    short = replace(rack.site, fleet=replace(rack.site.fleet, deadlines=limits))
    with pytest.raises(ClusterError, match="is worker in the swarm") as refused:
        ensure_node(short, rack.node_wish(parts.stays, role=Role.WORKER), record)
    assert "quorum" in str(refused.value)
    assert listed(rack, parts.stays)[parts.stays] == "Ready Leader"


@pytest.mark.demand("U45")
def test_drain_waits_until_the_tasks_are_elsewhere(
    rack: Rack, record: MemoryRecord, parts: Parts, tmp_path: Path
) -> None:
    image = busybox_image(tmp_path).read_bytes()
    for name in parts.others:
        rack.ssh(name).run(["docker", "import", "-", "probe:1"], stdin=image)
    command = ["--", "probe:1", "/bin/busybox", "sleep", "3600"]
    options = ["--detach", "--no-resolve-image", "--constraint", "node.role==worker", "--stop-grace-period", "1s"]
    manager = rack.ssh(parts.stays)
    manager.run(["docker", "service", "create", "--name", "probe", "--replicas", "2", *options, *command])
    for name in parts.others:
        wait_for(f"a replica on {name}", lambda name=name: bool(rack.docker(name, "ps", "-q")))
    remove_node(rack.site, rack.node_wish(parts.through), record)
    # The replica takes a second to stop, and that was waited for.
    assert any(f"{parts.through}: waiting: no task runs here" in line and "probe (" in line for line in rack.lines)
    assert rack.docker(parts.through, "ps", "-q") == ""
    assert rack.docker(parts.through, "info", "--format", "{{.Swarm.LocalNodeState}}") == "inactive"
    assert set(listed(rack, parts.stays)) == {parts.stays, parts.late}
    wait_for("both replicas on the other", lambda: len(rack.docker(parts.late, "ps", "-q").splitlines()) == 2)
    remove_node(rack.site, rack.node_wish(parts.through), record)
    rack.docker(parts.stays, "service", "rm", "probe")


@pytest.mark.demand("U49")
def test_an_interrupted_join_is_finished_by_the_next_run(rack: Rack, record: MemoryRecord, parts: Parts) -> None:
    cancel = threading.Event()

    def stop_at_the_join(line: str) -> None:
        if "joins the swarm" in line:
            cancel.set()

    interrupted = rack.site.with_run(Run(cancel=cancel, progress=stop_at_the_join))
    with pytest.raises(Cancelled):
        ensure_node(interrupted, rack.node_wish(parts.through), record)
    half = observe_node(rack.site, rack.node_wish(parts.through))
    assert half.local in ("pending", "active")
    assert half.availability != "active"
    ensure(rack, record, parts.through)
    assert observe_node(rack.site, rack.node_wish(parts.through)).availability == "active"
    assert listed(rack, parts.stays) == {parts.stays: "Ready Leader", parts.through: "Ready", parts.late: "Ready"}


@pytest.mark.demand("U50")
def test_a_join_that_does_not_come_through_names_the_closed_ports(
    rack: Rack, record: MemoryRecord, parts: Parts
) -> None:
    remove_node(rack.site, rack.node_wish(parts.through), record)
    limits = replace(rack.site.fleet.deadlines, swarm=12)
    short = replace(rack.site, fleet=replace(rack.site.fleet, deadlines=limits))
    fence = ["INPUT", "-s", rack.access(parts.through).address, "-p", "tcp", "--dport", "2377"]
    rack.ssh(parts.stays).run(["iptables", "-I", *fence, "-j", "DROP"])
    try:
        with pytest.raises(ClusterError, match="is in the swarm") as refused:
            ensure_node(short, rack.node_wish(parts.through), record)
    finally:
        rack.ssh(parts.stays).run(["iptables", "-D", *fence, "-j", "DROP"])
    told = f"connect from here: {rack.access(parts.stays).address}:2377/tcp does not answer"
    assert refused.value.tried == (told,), "the closed port, and no other"
    ensure(rack, record, parts.through)
    assert listed(rack, parts.stays) == {parts.stays: "Ready Leader", parts.through: "Ready", parts.late: "Ready"}


@pytest.mark.demand("U49")
def test_a_promotion_that_ends_in_error_is_mended(rack: Rack, record: MemoryRecord, parts: Parts) -> None:
    """The engine asks the address it joined through, where no manager is any more, and that only."""
    rack.want([parts.stays, parts.late], [parts.through])
    before = observe_node(rack.site, rack.node_wish(parts.late)).node
    after = ensure(rack, record, parts.late)
    assert any(f"{parts.late}: its engine is in error" in line for line in rack.lines)
    assert after.node != before
    assert listed(rack, parts.stays)[parts.late] == "Ready Reachable"


def test_a_worker_becomes_manager_in_place(rack: Rack, record: MemoryRecord, parts: Parts) -> None:
    rack.want(HOSTS)
    before = observe_node(rack.site, rack.node_wish(parts.through)).node
    assert ensure(rack, record, parts.through).node == before
    assert sorted(listed(rack).values()) == ["Ready Leader", "Ready Reachable", "Ready Reachable"]


@pytest.mark.demand("U43")
def test_managers_that_got_fewer_since_the_preview_keep_the_one_that_was_to_go(
    rack: Rack, record: MemoryRecord, parts: Parts
) -> None:
    """What a preview let pass is looked at again: one manager's engine is down by now."""
    leaver = rack.node_wish(parts.through)
    rack.want([parts.stays, parts.late])
    limits = replace(rack.site.fleet.deadlines, boot=1, ssh=2, ready=0, packages=0, engine=0, consul=0, swarm=8)
    cluster = rack.site.fleet.clusters["blue"]
    rack.ssh(parts.late).run(["systemctl", "stop", "docker.socket", "docker.service"])
    reachable = ["node", "ls", "--format", "{{.ManagerStatus}}"]
    wait_for("one manager is missed", lambda: "Unreachable" in rack.docker(parts.stays, *reachable))
    # Raft's own rule is not the user's to waive.
    for override in ((), ("quorum",)):
        clusters = {"blue": replace(cluster, override=override)}
        worse = replace(rack.site, fleet=replace(rack.site.fleet, deadlines=limits, clusters=clusters))
        with pytest.raises(ClusterError, match="has left the swarm") as refused:
            remove_node(worse, leaver, record)
        assert "its demotion would cost the quorum (2 of 3 managers reachable)" in str(refused.value)
    rack.ssh(parts.late).run(["systemctl", "start", "docker.service"])
    wait_for("all are back", lambda: sorted(rack.docker(parts.stays, *reachable).split())[1:] == ["Reachable"] * 2)
    assert set(listed(rack, parts.stays)) == set(HOSTS), "nothing was lost"
    rack.want(HOSTS)


@pytest.mark.demand("U41", "U49")
def test_a_manager_that_died_is_evicted_and_a_foreign_swarm_in_its_place_refused(
    rack: Rack, record: MemoryRecord, parts: Parts
) -> None:
    dead = parts.late
    rack.lab.host(dead).kill()
    rack.site.ssh.forget(dead)
    remove_node(rack.site, rack.node_wish(dead), record, dead=True)
    assert set(listed(rack, parts.stays)) == {parts.stays, parts.through}
    reinstall(rack.lab, dead)
    rack.engine(dead)
    rack.docker(dead, "swarm", "init", "--advertise-addr", rack.access(dead).address)
    with pytest.raises(PlanRefused, match="another swarm") as refused:
        ensure(rack, record, dead)
    assert "docker swarm leave" in str(refused.value)
    rack.docker(dead, "swarm", "leave", "--force")
    ensure(rack, record, dead)
    assert sorted(listed(rack, parts.stays).values()) == ["Ready Leader", "Ready Reachable", "Ready Reachable"]


@pytest.mark.demand("U41", "U42")
def test_a_manager_reinstalled_behind_our_back_leaves_no_ghost(rack: Rack, record: MemoryRecord, parts: Parts) -> None:
    rack.site.ssh.forget(parts.through)
    reinstall(rack.lab, parts.through)
    rack.engine(parts.through)
    ensure(rack, record, parts.through)
    assert sorted(listed(rack, parts.stays).values()) == ["Ready Leader", "Ready Reachable", "Ready Reachable"]


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
