"""Measure what changes of a cluster cost, on a lab of its own, and write docs/benchmarks-lifecycle.md."""

from __future__ import annotations

import copy
import os
import sys
import tempfile
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

from bench.figures import Figure, markdown
from lab.api import Lab
from lab.spec import LabSpec
from tests.engine.project import CHECKOUT
from tests.lab.stack import LabStack, fleet_document
from toolchain.pulumi import pulumi

TURNS = 3
SMALL, LARGE = 5, 40

SPEC = LabSpec(
    name="bencyc",
    hosts=8,
    subnet=IPv4Network("10.41.0.0/24"),
    bmc_base=IPv4Address("127.0.41.0"),
    directory=CHECKOUT / ".metalswarm" / "bench-lifecycle",
)

TEXT = """# Benchmarks of changes

Written by `make bench-lifecycle`. Each figure is a ratio of two things measured in turn in the same run, since machines
differ and are noisy; seconds are given to make the ratios readable, and are those of `pulumi up` from its start to its
end. This run: {cores} cores, {memory} GiB of memory, {turns} turns, packages cached.

{table}
- *One worker to {large} nodes* joins a cluster that has {large} members before, *to {small} nodes* one that has
  {small}. One member of each is a real manager with Consul and the container manager on it, and the one that joins is
  a real host. The others are light: members in the settings, the program, the state and the plan like any other, and
  on hold, so that nobody dials them. What grows with a cluster in Pulumi and in this program is in these figures; what
  grows inside Swarm and Consul with their own members is not.
- *Bare* is a server that is installed, gets Docker Engine and joins. *Spare* is one that was a worker before: it is off
  and has its system, so that all of it is to start, to check and to join.
- *Reinstalled* is a worker whose generation is raised: drained, out of swarm, Consul and container manager, installed
  and in again. *Moved* is the same host taken into the other of two clusters of one stack: with `on_leave: reinstall`,
  or with the system it has (`on_leave: keep`).
"""


class _Growing:
    """A stack of one cluster with a real manager, light workers, and one real host that comes and goes."""

    def __init__(self, lab: Lab, engine: Path, folder: Path, *, name: str, size: int, hosts: tuple[str, str]) -> None:
        self.manager, self.guest = hosts
        self.name, self.generation = name, 1
        self.stack = LabStack(folder / name, engine, lab, _without_clusters(lab))
        self.light = [f"light-{number:02d}" for number in range(1, size)]
        network = lab.spec.subnet.network_address
        for number, host in enumerate(self.light, start=100):
            facts = {"address": str(network + number), "bmc": str(lab.spec.bmc_base + number)}
            self.stack.inventory["hosts"][host] = facts
        self.stack.fleet["clusters"] = {name: _cluster(lab, self.manager)}
        self._want(joined=False)
        self.stack.up().expect()

    def add(self, *, bare: bool) -> float:
        """Seconds of the update in which the guest joins."""
        self.generation += bare
        self._want(joined=True)
        outcome = self.stack.up().expect()
        assert self.stack.touched(outcome) == {self.name, self.guest}, self.stack.touched(outcome)
        nodes = self.stack.swarm_nodes(self.manager, cluster=self.name)
        assert nodes[self.guest]["state"] == "ready"
        self._want(joined=False)
        self.stack.up().expect()
        return outcome.seconds

    def _want(self, *, joined: bool) -> None:
        workers = [*self.light, self.guest] if joined else self.light
        self.stack.fleet["pools"] = {
            "core": _pool(self.name, [self.manager]),
            "web": _pool(self.name, workers),
            "spare": {"purpose": "free", "hosts": [] if joined else [self.guest], "generation": 1, "power": "off"},
        }
        held = {host: {"hold": "light: nobody dials it"} for host in self.light}
        self.stack.fleet["hosts"] = {**held, self.guest: {"generation": self.generation}}


def main() -> int:
    lab = Lab.from_spec(SPEC)
    lab.down()
    engine = pulumi()
    with tempfile.TemporaryDirectory(prefix="metalswarm-bench-") as folder:
        try:
            lab.up()
            figures = [*growing(lab, engine, Path(folder)), *moving(lab, engine, Path(folder))]
        finally:
            lab.down()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    text = TEXT.format(
        cores=os.cpu_count(),
        memory=round(memory),
        turns=TURNS,
        small=SMALL,
        large=LARGE,
        table=markdown(figures),
    )
    (CHECKOUT / "docs" / "benchmarks-lifecycle.md").write_text(text)
    sys.stdout.write(markdown(figures))
    return 0 if all(figure.met for figure in figures) else 1


def growing(lab: Lab, engine: Path, folder: Path, turns: int = TURNS) -> list[Figure]:
    """One worker more, for a small cluster and a large one in turn."""
    small = _Growing(lab, engine, folder, name="small", size=SMALL, hosts=("n1", "n2"))
    large = _Growing(lab, engine, folder, name="large", size=LARGE, hosts=("n3", "n4"))
    seconds: dict[tuple[str, bool], list[float]] = {}
    for turn in range(turns):
        for bare in (True, False):
            for cluster in (small, large) if turn % 2 else (large, small):
                took = cluster.add(bare=bare)
                seconds.setdefault((cluster.name, bare), []).append(took)
                _say(f"turn {turn + 1} of {turns}: {'bare' if bare else 'spare'} into {cluster.name}: {took:.1f} s")
    return [
        Figure(
            f"one {word} worker to {LARGE} nodes, against one to {SMALL}",
            seconds["large", bare],
            seconds["small", bare],
            1.2,
        )
        for word, bare in (("bare", True), ("spare", False))
    ]


def moving(lab: Lab, engine: Path, folder: Path, turns: int = TURNS) -> list[Figure]:
    """Two hosts between two clusters, one reinstalled on the way, and the first one's own reinstall in place."""
    stack = LabStack(folder / "pair", engine, lab, _without_clusters(lab))
    clusters = {name: _cluster(lab, host) for name, host in (("left", "n5"), ("right", "n6"))}
    clusters["right"]["consul"]["datacenter"] = "dc2"
    stack.fleet["clusters"] = clusters
    at, generation = {"n7": "left", "n8": "left"}, 1

    def up(host: str | None = None, to: str | None = None) -> float:
        if host and to:
            at[host] = to
        pools = {name: _pool(name, [clusters[name]["managers"][0]]) for name in clusters}
        for name in clusters:
            for who, on_leave in (("n7", "reinstall"), ("n8", "keep")):
                members = [who] if at[who] == name else []
                pools[f"{name}-{on_leave}"] = {**_pool(name, members), "on_leave": on_leave}
        stack.fleet["pools"], stack.fleet["hosts"] = pools, {"n7": {"generation": generation}}
        outcome = stack.up().expect()
        _assert_members(stack, clusters, at)
        if host:
            assert stack.touched(outcome) <= {host, *clusters}, stack.touched(outcome)
        return outcome.seconds

    up()
    seconds: dict[str, list[float]] = {"reinstalled": [], "moved": [], "kept": []}
    for turn in range(turns):
        to = "right" if turn % 2 == 0 else "left"
        generation += 1
        seconds["reinstalled"].append(up("n7"))
        seconds["moved"].append(up("n7", to))
        seconds["kept"].append(up("n8", to))
        _say(f"turn {turn + 1} of {turns}: " + ", ".join(f"{what} {took[-1]:.1f} s" for what, took in seconds.items()))
    return [
        Figure(
            "a host moved and reinstalled, against reinstalled in place", seconds["moved"], seconds["reinstalled"], 1.2
        ),
        Figure("a host moved as it is, against reinstalled in place", seconds["kept"], seconds["reinstalled"], 1.2),
    ]


def _assert_members(stack: LabStack, clusters: dict[str, Any], at: dict[str, str]) -> None:
    for name, cluster in clusters.items():
        manager = cluster["managers"][0]
        nodes = stack.swarm_nodes(manager, cluster=name)
        assert {host for host, node in nodes.items() if node["state"] == "ready"} == {
            manager,
            *(host for host, where in at.items() if where == name),
        }


def _without_clusters(lab: Lab) -> dict[str, Any]:
    return {**fleet_document(lab), "clusters": {}, "pools": {}}


def _cluster(lab: Lab, manager: str) -> dict[str, Any]:
    """The dev stack's cluster with one manager."""
    cluster: dict[str, Any] = copy.deepcopy(fleet_document(lab)["clusters"]["blue"])
    cluster["managers"] = [manager]
    cluster["manager"].pop("nodes", None)
    return cluster


def _pool(cluster: str, hosts: Iterable[str]) -> dict[str, Any]:
    return {"purpose": "swarm", "cluster": cluster, "hosts": list(hosts), "generation": 1}


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
