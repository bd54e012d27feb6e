"""Measure the main path on a lab of its own and write its part of docs/benchmarks.md."""

from __future__ import annotations

import copy
import os
import sys
import tempfile
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from bench.figures import Figure, markdown
from bench.section import put_section
from lab.api import Lab
from lab.spec import LabSpec
from tests.engine.project import CHECKOUT, Project
from tests.lab.stack import LabStack, fleet_document
from toolchain.pulumi import pulumi

PREVIEWS = 7
BIRTHS = 3

SPEC = LabSpec(
    name="bench",
    subnet=IPv4Network("10.81.0.0/24"),
    bmc_base=IPv4Address("127.0.6.0"),
    directory=CHECKOUT / ".metalswarm" / "bench",
)

EMPTY = "import pulumi\n"

TEXT = """## The main path

Written by `make bench`. Each figure is a ratio of two things measured in turn in the same run, since machines differ
and are noisy; seconds are given to make the ratios readable. This run: {cores} cores, {memory} GiB of memory, {births}
births of each size, {previews} previews of each program, packages cached.

{table}
- *Six hosts* become a swarm of three managers and three workers with Consul and the container manager on each; *one
  host* becomes a swarm of its own with the same layers. Both begin with every host off and nothing on its disks.
- *Empty program* is a Pulumi Python program that only imports the SDK, on the same engine and state backend.
"""


def main() -> int:
    lab = Lab.from_spec(SPEC)
    lab.down()
    engine = pulumi()
    with tempfile.TemporaryDirectory(prefix="metalswarm-bench-") as folder:
        try:
            figures = [*_births(lab, engine, Path(folder)), _preview(lab, engine, Path(folder))]
        finally:
            lab.down()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    text = TEXT.format(
        cores=os.cpu_count(), memory=round(memory), births=BIRTHS, previews=PREVIEWS, table=markdown(figures)
    )
    put_section(CHECKOUT / "docs" / "benchmarks.md", "make bench", text)
    sys.stdout.write(markdown(figures))
    return 0 if all(figure.met for figure in figures) else 1


def _births(lab: Lab, engine: Path, folder: Path) -> list[Figure]:
    """Off to running, one host and six in turn, each time on fresh metal."""
    one = fleet_document(lab)
    blue = one["clusters"]["blue"]
    blue["managers"] = ["n1"]
    for layer, members in (("consul", "servers"), ("manager", "nodes")):
        if members in blue.get(layer, {}):
            blue[layer][members] = ["n1"]
    one["pools"] = {"core": {**one["pools"]["core"], "hosts": ["n1"]}}
    six = fleet_document(lab)
    six["pools"]["web"]["hosts"] = ["n4", "n5", "n6"]
    six["pools"].pop("spare")
    seconds: dict[int, list[float]] = {1: [], 6: []}
    for turn in range(BIRTHS):
        for size, fleet in ((1, one), (6, six)):
            lab.down()
            lab.up()
            stack = LabStack(folder / f"birth-{turn}-{size}", engine, lab, copy.deepcopy(fleet))
            outcome = stack.up().expect()
            assert len(stack.swarm_nodes()) == size
            seconds[size].append(outcome.seconds)
            _say(f"birth {turn + 1} of {BIRTHS}: {size} hosts in {outcome.seconds:.1f} s")
    return [Figure("six hosts, off to swarm ready, against one host alone", seconds[6], seconds[1], 4.5)]


def _preview(lab: Lab, engine: Path, folder: Path) -> Figure:
    """A no-change preview of the dev stack against one of an empty program."""
    lab.down()
    lab.up()
    stack = LabStack(folder / "dev", engine, lab)
    stack.up().expect()
    empty = Project(folder / "empty", engine, name="empty").create(EMPTY)
    empty.up().expect()
    ours: list[float] = []
    theirs: list[float] = []
    for turn in range(PREVIEWS + 1):
        mine, other = stack.preview().expect(), empty.preview().expect()
        assert set(mine.changes) == {"same"}
        if turn:  # the first pair warms the caches
            ours.append(mine.seconds)
            theirs.append(other.seconds)
    _say(f"previews done: {ours} against {theirs}")
    return Figure("no-change preview of the dev stack, against an empty program", ours, theirs, 1.5, 1.0)


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
