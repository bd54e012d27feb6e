"""Every transition of a cluster, each one a scenario file: what is said, done, kept, and left behind."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lab.api import Lab
from tests.engine.project import Outcome
from tests.lab.client_loop import SwarmClient, asking, counting
from tests.lab.cluster_sight import Wanted, differences, wanted_clusters
from tests.lab.containers import IMAGE, busybox_image
from tests.lab.ready_stack import small_lab
from tests.lab.scenario import Scenario, Sequence, Step, broken_orders, layout, patched, scenarios
from tests.lab.stack import LabStack
from tests.waiting import wait_for

SERVICE, REPLICAS = "probe", 3
HERE = "probe.image"
"""Node label of hosts that have the service's image: set by a user, so none of the program's business."""
DEADLINES = {"swarm": "6m", "consul": "6m", "manager": "4m", "engine": "6m", "packages": "15m"}


def _marked(scenario: Scenario) -> Any:
    marks = [pytest.mark.demand(*scenario.demands)] if scenario.demands else []
    if scenario.full:
        marks.append(pytest.mark.full)
    return pytest.param(scenario, id=scenario.name, marks=marks)


pytestmark = [pytest.mark.root, pytest.mark.lab, pytest.mark.engine]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with small_lab("moves", 40, hosts=9) as lab:
        yield lab


@dataclass
class Moves:
    """The one stack of this module, with a service that shall live through every change.

    :ivar base: the dev stack's document on this lab.
    :ivar now: the document of the last update; None before the first.
    """

    stack: LabStack
    base: dict[str, Any]
    image: Path
    now: dict[str, Any] | None = None
    loaded: dict[str, str] = field(default_factory=dict)

    def bring(self, document: dict[str, Any]) -> None:
        """Have the stack as `document` says and the service on it, whatever was before."""
        if document != self.now:
            self.apply(document).expect()
        self.provide("blue")

    def apply(self, document: dict[str, Any]) -> Outcome:
        self.stack.fleet = copy.deepcopy(document)
        outcome = self.stack.up(timeout=1500)
        self.now = document if outcome.ok else None
        return outcome

    def provide(self, cluster: str) -> None:
        """The image and the label on every member, and the service with all its replicas."""
        assert self.now is not None
        wanted = wanted_clusters(self.now)[cluster]
        client, manager = SwarmClient(self.stack, cluster), wanted.managers[0]
        nodes = {node["Description"]["Hostname"]: node for node in client.ask(manager, "/nodes")}
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(self._load, sorted(wanted.members)))
        for host in sorted(wanted.members):
            spec = nodes[host]["Spec"]
            if HERE not in spec["Labels"]:
                labelled = {**spec, "Labels": {**spec["Labels"], HERE: "yes"}}
                version = {"version": nodes[host]["Version"]["Index"]}
                client.ask(manager, f"/nodes/{nodes[host]['ID']}/update", method="POST", params=version, json=labelled)
        if not client.ask(manager, "/services"):
            client.ask(manager, "/services/create", method="POST", json=_service())
        self.await_replicas(client, manager)

    def await_replicas(self, client: SwarmClient, manager: str) -> dict[str, str]:
        def whole() -> bool:
            return len(client.running_tasks(manager, SERVICE)) == REPLICAS

        wait_for(f"{REPLICAS} running tasks of {SERVICE}", whole, seconds=120)
        return client.running_tasks(manager, SERVICE)

    def _load(self, host: str) -> None:
        system = self.identity(host)["machine"]
        if self.loaded.get(host) != system:
            self.stack.load_image(host, self.image)
            self.loaded[host] = system

    def identity(self, host: str) -> dict[str, str]:
        """What tells a system, and the run of an engine, from another."""
        told = self.stack.ssh(host, "cat /etc/machine-id; systemctl show --property=MainPID --value docker.service")
        machine, *engine = told.splitlines()
        return {"machine": machine, "engine": "".join(engine)}

    def identities(self, hosts: set[str]) -> dict[str, dict[str, str]]:
        running = sorted(host for host in hosts if self.stack.lab.host(host).power_is_on())
        with ThreadPoolExecutor(4) as threads:
            return dict(zip(running, threads.map(self.identity, running), strict=True))


def _service() -> dict[str, Any]:
    return {
        "Name": SERVICE,
        "TaskTemplate": {
            "ContainerSpec": {"Image": IMAGE, "Command": ["/bin/busybox", "sleep", "1000000"], "StopGracePeriod": 0},
            "Placement": {"Constraints": [f"node.labels.{HERE}==yes"]},
        },
        "Mode": {"Replicated": {"Replicas": REPLICAS}},
    }


@pytest.fixture(scope="module")
def moves(lab: Lab, pulumi_bin: Path, tmp_path_factory: pytest.TempPathFactory) -> Moves:
    folder = tmp_path_factory.mktemp("moves")
    stack = LabStack(folder / "project", pulumi_bin, lab)
    stack.fleet["deadlines"] |= DEADLINES
    return Moves(stack, copy.deepcopy(stack.fleet), busybox_image(folder))


@pytest.mark.parametrize("scenario", [_marked(scenario) for scenario in scenarios()])
def test_transition(moves: Moves, scenario: Scenario) -> None:
    moves.bring(layout(moves.base, scenario.start))
    for step in scenario.steps:
        assert moves.now is not None
        before = moves.now
        after = layout(moves.base, patched(before, step.edit))
        if step.refused:
            _refused(moves, before, after, step)
        else:
            _carried_out(moves, before, after, step)


def _refused(moves: Moves, before: dict[str, Any], after: dict[str, Any], step: Step) -> None:
    """The preview says no, and an `up` without a preview touches nothing."""
    moves.stack.fleet = copy.deepcopy(after)
    for outcome in (moves.stack.preview().expect(ok=False), moves.apply(after).expect(ok=False)):
        assert "Traceback" not in outcome.output
        assert [text for text in step.refused if text not in outcome.output] == [], outcome.output
    assert Sequence.of(outcome).touched == {}, "refused, and something was touched"
    moves.stack.fleet, moves.now = copy.deepcopy(before), before
    for wanted in wanted_clusters(before).values():
        assert differences(moves.stack, wanted) == []


def _carried_out(moves: Moves, before: dict[str, Any], after: dict[str, Any], step: Step) -> None:
    stack = moves.stack
    was, will = wanted_clusters(before), wanted_clusters(after)
    staying = {host: name for name in was.keys() & will.keys() for host in _staying(was[name], will[name], step)}
    client = SwarmClient(stack, "blue")
    through = [host for host, name in staying.items() if name == "blue"]
    assert through, "the service's cluster keeps a manager in all of these"
    tasks_before = moves.await_replicas(client, through[0])
    hosts_of = _hosts_by_node(client, through[0])
    systems_before = moves.identities(_all_hosts(before))

    stack.fleet = copy.deepcopy(after)
    foreseen = stack.preview().expect()
    with asking(stack, staying) as answers, counting(client, through, SERVICE) as counts:
        outcome = moves.apply(after).expect()

    assert _steps(foreseen) == _steps(outcome), "a preview shows what the update does"
    for told in (foreseen, outcome):
        assert [line for line in step.says if line not in _summary(told)] == [], _summary(told)
    sequence = Sequence.of(outcome)
    assert set(sequence.touched) == set(step.touched), sequence.touched
    for name, links in step.touched.items():
        assert links == "chain" or sequence.touched[name] == set(links), (name, sequence.touched[name])
    assert broken_orders(sequence, step.order) == []

    for host, seen in answers.items():
        assert seen.asked >= 2, f"{host} was hardly asked"
        assert seen.failures == [], f"{host}: {len(seen.failures)} of {seen.asked}"
    for cluster in will.values():
        wait_for_nothing_stale(stack, cluster)
    for host in _members(was) - _members(will):
        assert _is_free(stack, after, host), f"{host} left, and is not as its pool wants it"

    parted = {host for host in was["blue"].members if host not in will["blue"].members or host in step.reinstalled}
    moving = [task for task, node in tasks_before.items() if hosts_of[node] in parted]
    assert min(counts) >= REPLICAS - len(moving), f"running replicas, counted in turn: {counts}"
    tasks_after = moves.await_replicas(client, through[0])
    assert set(tasks_before) - set(moving) <= set(tasks_after), "no task was moved off a host that stays"

    systems = moves.identities(set(systems_before))
    both = systems.keys() & systems_before.keys()
    renewed = {host for host in both if systems[host]["machine"] != systems_before[host]["machine"]}
    assert renewed == set(step.reinstalled)
    restarted = {host for host in both - renewed if systems[host]["engine"] != systems_before[host]["engine"]}
    assert restarted <= {host for host, links in step.touched.items() if links == "chain"}, "an engine was restarted"
    moves.provide("blue")


def wait_for_nothing_stale(stack: LabStack, cluster: Wanted) -> None:
    seen: list[str] = []

    def clean() -> bool:
        seen[:] = differences(stack, cluster)
        return not seen

    try:
        wait_for(f"{cluster.name} is as wanted", clean, seconds=120)
    except AssertionError as late:
        told = [_agents(stack, host) for host in sorted(cluster.members) if any(host in line for line in seen)]
        raise AssertionError("\n".join([str(late), *seen, *told])) from None


def _agents(stack: LabStack, host: str) -> str:
    """What a host's own services say of themselves, for whoever reads the failure."""
    command = "systemctl is-active consul docker; journalctl -u consul -n 60 --no-pager -o short-precise"
    return f"--- {host}\n{stack.ssh(host, command, check=False)}"


def _members(clusters: Mapping[str, Wanted]) -> set[str]:
    return {host for cluster in clusters.values() for host in cluster.members}


def _is_free(stack: LabStack, document: Mapping[str, Any], host: str) -> bool:
    """Off where its pool says so; else on, with an engine only where that is wanted, and no agent or controller."""
    (pool,) = [pool for pool in document["pools"].values() if host in pool["hosts"]]
    is_on = stack.lab.host(host).power_is_on()
    if pool.get("power") == "off":
        return not is_on
    units = "docker.service consul.service stackengine.service"
    running = [told == "active" for told in stack.ssh(host, f"systemctl is-active {units} || true").splitlines()]
    return is_on and running == [pool["purpose"] == "docker", False, False]


def _staying(was: Wanted, will: Wanted, step: Step) -> list[str]:
    return [host for host in was.managers if host in will.managers and host not in step.reinstalled]


def _hosts_by_node(client: SwarmClient, manager: str) -> dict[str, str]:
    return {node["ID"]: node["Description"]["Hostname"] for node in client.ask(manager, "/nodes")}


def _all_hosts(document: Mapping[str, Any]) -> set[str]:
    return {host for pool in document["pools"].values() for host in pool["hosts"]}


def _steps(outcome: Outcome) -> set[str]:
    return set(Sequence.of(outcome).began)


def _summary(outcome: Outcome) -> list[str]:
    """The lines of the plans."""
    return sorted({e["message"].strip() for e in outcome.diagnostics() if "ClusterPlan::" in e.get("urn", "")})
