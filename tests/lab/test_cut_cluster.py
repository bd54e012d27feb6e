"""A whole cluster's `up` cut short: by kills at seeded points, ^C, an old state file, a cut cable. The next converges.

Every test ends with each host in the swarm, in Consul and in the ring exactly once, and no manager lost.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from lab.api import Lab
from tests.engine.torn import mend_torn_attributes
from tests.lab.ready_stack import fresh_hosts, ready_stack, small_lab
from tests.lab.running_up import RunningUp, unlock
from tests.lab.stack import LabStack, fleet_document
from tests.waiting import wait_for

pytestmark = [pytest.mark.root, pytest.mark.lab, pytest.mark.engine, pytest.mark.demand("U59")]

HOSTS = ("n1", "n2", "n3")
VICTIMS = ("engine", "server", "program")
# Lines of the display that begin a step: the birth of a cluster of three managers, and the reinstall of one of them.
BIRTH = (
    "DockerEngine n2 creating",
    "ConsulMember n1 creating",
    "ConsulMember n3 created",
    "SwarmNode n1 creating",
    "SwarmNode n2 creating",
    "SwarmNode n2 created",
    "joins the swarm",
    "ManagerNode n3 creating",
    "ManagerNode n1 created",
)
REINSTALL = (
    "ManagerNode n3 deleting original",
    "SwarmNode n3 deleting original",
    "n3: demote",
    "SwarmNode n3 deleted original",
    "ConsulMember n3 deleting original",
    "DockerEngine n3 deleting original",
    "HostReady n3 creating replacement",
    "ConsulMember n3 creating replacement",
    "SwarmNode n3 creating replacement",
    "ManagerNode n3 creating replacement",
)
_PROCESS = {"server": "-m providers.server", "program": "pulumi-language-python"}


@pytest.fixture(scope="module")
def module_lab() -> Iterator[Lab]:
    with small_lab("cutc", 79) as lab:
        yield lab


@pytest.fixture
def stack(module_lab: Lab, tmp_path: Path) -> LabStack:
    stack = ready_stack(tmp_path / "project", fresh_hosts(module_lab), *HOSTS, boot=120, ssh=60)
    stack.fleet["clusters"] = {"blue": {**fleet_document(module_lab)["clusters"]["blue"], "managers": list(HOSTS)}}
    del stack.fleet["clusters"]["blue"]["manager"]["nodes"]  # those are the managers
    stack.fleet["pools"]["web"] |= {"purpose": "swarm", "cluster": "blue"}
    return stack


class CutUp(RunningUp):
    """An `up` of which one process can be killed."""

    def kill_one(self, victim: str) -> None:
        if victim == "engine":
            self.kill()
            return
        pids = [
            int(entry.name)
            for entry in Path("/proc").glob("[0-9]*")
            if self._works_here(entry) and _PROCESS[victim] in _words(entry)
        ]
        assert pids, f"no {victim} among {self.processes()}"
        for pid in pids:
            os.kill(pid, signal.SIGKILL)

    def end_by_itself(self, *, seconds: float) -> int:
        """The exit code, once it has ended without being told to."""
        code = self._engine.wait(timeout=seconds)
        self._drain()
        return code

    def ends_within(self, seconds: float) -> bool:
        with suppress(subprocess.TimeoutExpired):
            self._engine.wait(timeout=seconds)
        return self._engine.poll() is not None

    def signal(self) -> None:
        self._engine.send_signal(signal.SIGINT)

    def _drain(self) -> None:
        while (line := self._lines.get(timeout=30)) is not None:
            self.output.append(line)

    def _works_here(self, entry: Path) -> bool:
        try:
            return os.readlink(entry / "cwd") == self._folder
        except OSError:
            return False


def _words(entry: Path) -> str:
    try:
        words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
    return words.replace("toolchain/languagehost/server.py", "pulumi-language-python")


def assert_whole(stack: LabStack, managers: tuple[str, ...], workers: tuple[str, ...] = ()) -> dict[str, str]:
    """Each host once, ready, in its role, everywhere; the swarm's node ids."""
    nodes = stack.docker("/nodes")
    names = [node["Description"]["Hostname"] for node in nodes]
    assert sorted(names) == sorted((*managers, *workers)), "each host once, and nobody else"
    wait_for("every node is ready", lambda: {n["state"] for n in stack.swarm_nodes().values()} == {"ready"}, seconds=60)
    found = stack.docker("/nodes")
    reached = {n["Description"]["Hostname"] for n in found if (n.get("ManagerStatus") or {}).get("Reachability")}
    assert reached == set(managers)
    assert {n["ManagerStatus"]["Reachability"] for n in found if n.get("ManagerStatus")} == {"reachable"}
    assert sorted(node["Node"] for node in stack.consul("/v1/catalog/nodes")) == sorted(names)
    health = stack.consul("/v1/operator/autopilot/health")
    assert sorted(server["Name"] for server in health["Servers"] if server["Voter"]) == sorted(managers)
    ring = stack.consul("/v1/kv/metalswarm/blue/ring/?keys")
    assert sorted(key.rpartition("/")[2] for key in ring) == sorted(managers)
    return {node["Description"]["Hostname"]: node["ID"] for node in nodes}


def converge(stack: LabStack) -> None:
    """The next `up`, and one more that has nothing to do."""
    stack.up().expect()
    assert set(stack.up().expect().changes) == {"same"}


def cut(stack: LabStack, running: list[CutUp], moment: str, victim: str) -> None:
    print(f"{victim} killed at: {moment}", flush=True)
    up = CutUp(stack)
    running.append(up)
    up.until(moment, seconds=400)
    up.kill_one(victim)
    if victim == "engine":
        unlock(stack)
    else:
        # Other hosts' operations that are under way come to their end first.
        up.end_by_itself(seconds=400)
        assert "Traceback" not in "".join(up.output)
    wait_for("everything ended", lambda: not up.processes(), seconds=15)


@pytest.mark.full
@pytest.mark.parametrize("seed", [24, 6, 12])
def test_kills_at_seeded_points(stack: LabStack, module_lab: Lab, running: list[CutUp], seed: int) -> None:
    choice = random.Random(seed)
    cut(stack, running, choice.choice(BIRTH), choice.choice(VICTIMS))
    converge(stack)
    before = assert_whole(stack, HOSTS)

    stack.fleet["hosts"] = {"n3": {"generation": 2}}
    cut(stack, running, choice.choice(REINSTALL), choice.choice(VICTIMS))
    wait_for("the others still lead the swarm", lambda: leads(stack), seconds=60)
    converge(stack)
    after = assert_whole(stack, HOSTS)
    assert {name: after[name] == before[name] for name in HOSTS} == {"n1": True, "n2": True, "n3": False}
    assert [module_lab.host(name).status().installs for name in HOSTS] == [1, 1, 2]
    kept = {
        path.name.split("-")[1]
        for path in (stack.project.folder / ".metalswarm" / "backups" / "metalswarm.dev").glob("*.backup")
    }
    assert kept == {"consul", "swarm"}, "a manager was to go, so there is a backup from before"


def leads(stack: LabStack) -> bool:
    """Whether n1 and n2 are managers and somebody leads, while n3 may be anything."""
    try:
        nodes = stack.swarm_nodes()
    except httpx.HTTPError:
        return False
    return [nodes[name]["role"] for name in ("n1", "n2")] == ["manager", "manager"]


def one_manager(stack: LabStack) -> None:
    """A cluster of n1 alone; the others are spares that are off."""
    stack.fleet["clusters"]["blue"]["managers"] = ["n1"]
    stack.fleet["pools"] = {
        "web": {**stack.fleet["pools"]["web"], "hosts": ["n1"]},
        "spare": {"purpose": "free", "hosts": ["n2", "n3"], "power": "off", "generation": 1},
    }
    stack.up().expect()


def test_an_old_state_and_interrupts(stack: LabStack, module_lab: Lab, running: list[CutUp]) -> None:
    one_manager(stack)
    earlier = stack.project.checkpoint.read_bytes()
    stack.move("n2", "web")

    # ^C in the join.
    up = CutUp(stack)
    running.append(up)
    up.until("SwarmNode n2 creating", seconds=400)
    assert up.interrupt(seconds=30)
    wait_for("everything ended", lambda: not up.processes(), seconds=15)
    converge(stack)
    nodes = assert_whole(stack, ("n1",), ("n2",))

    # The state of one update earlier: n2 is in the swarm, and the state knows nothing of it.
    stack.project.checkpoint.write_bytes(earlier)
    converge(stack)
    assert assert_whole(stack, ("n1",), ("n2",)) == nodes, "nobody joined again"
    assert [module_lab.host(name).status().installs for name in ("n1", "n2")] == [1, 1]

    # ^C twice in the leave.
    stack.move("n2", "spare")
    up = CutUp(stack)
    running.append(up)
    up.until("SwarmNode n2 deleting", seconds=400)
    up.signal()
    up.signal()
    up.end_by_itself(seconds=30)
    wait_for("everything ended", lambda: not up.processes(), seconds=15)
    resume(stack)
    converge(stack)
    assert assert_whole(stack, ("n1",)) == {"n1": nodes["n1"]}


@pytest.mark.full
def test_a_cable_out_for_a_minute_in_a_join(stack: LabStack, module_lab: Lab, running: list[CutUp]) -> None:
    one_manager(stack)
    stack.move("n2", "web")
    up = CutUp(stack)
    running.append(up)
    up.until("SwarmNode n2 creating", seconds=400)
    host = module_lab.host("n2")
    host.unplug_network()
    up.ends_within(60)  # it may give up, with an error that says why, or still wait
    host.plug_network()
    code = up.end_by_itself(seconds=500)
    said = "".join(up.output)
    print(said)
    if code:
        assert "error: n2: " in said
        assert "next: " in said
        assert "Traceback" not in said
    converge(stack)
    assert_whole(stack, ("n1",), ("n2",))
    assert [module_lab.host(name).status().installs for name in ("n1", "n2")] == [1, 1]


def resume(stack: LabStack) -> None:
    """After an engine that may not have put its things in order."""
    mend_torn_attributes(stack.project)
    said = stack.project.run("up", "--yes", "--skip-preview", "--stack", "dev", timeout=500).output
    if "pulumi cancel" in said:
        stack.project.run("cancel", "--yes", "--stack", "dev").expect()
