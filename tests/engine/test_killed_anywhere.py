"""Engine, provider server or program killed at each step boundary of one host's chain: the next `up` converges.

The engine, the provider server, the provider classes and every decision are the real ones; metal, engines, Consul and
swarm are a file (`tests/engine/fakemetal`). All boundaries are walked in `make test-full`; CI walks a seeded few.
"""

from __future__ import annotations

import json
import os
import random
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine.project import CHECKOUT, Outcome, Project
from tests.engine.torn import mend_torn_attributes
from tests.unit.small_fleet import document, write_inventory
from tests.waiting import gone, wait_for

pytestmark = [pytest.mark.engine, pytest.mark.demand("U59")]

VICTIMS = ("engine", "server", "program")
HOST = "n2"

# What each walk begins with, and what it wants; the chain that is walked is that of n2, a worker.
ALONE = {"hosts": ["n1"]}
BOTH = {"hosts": ["n1", "n2"]}
WALKS = {
    "first": (ALONE, BOTH),
    "reinstall": (BOTH, {**BOTH, "n2": 2}),
    "removal": (BOTH, ALONE),
}
INSTALLS = {"first": 1, "reinstall": 2, "removal": 1}


def wanted(intent: dict) -> dict:
    fleet = document()
    fleet["pools"] = {"core": {**fleet["pools"]["core"], "hosts": intent["hosts"]}}
    if "n2" in intent:
        fleet["hosts"] = {"n2": {"generation": intent["n2"]}}
    return fleet


@dataclass
class Walker:
    """One project and its world, copied for each boundary."""

    project: Project

    @property
    def world(self) -> dict:
        return json.loads((self.project.folder / "world.json").read_text())

    def want(self, intent: dict) -> None:
        self.project.config({"metalswarm:fleet": json.dumps(wanted(intent))})

    def up(self, **variables: str) -> Outcome:
        folder = self.project.folder
        for name in ("steps", "reached", "program"):
            (folder / name).unlink(missing_ok=True)
        self.project.environment |= {"FAKE_METAL": str(folder), **variables}
        try:
            return self.project.up(timeout=180)
        finally:
            for name in variables:
                del self.project.environment[name]

    def chains(self) -> dict[str, tuple]:
        """Every resource of ours that the state holds, with what is known of it."""
        found = [each for each in self.project.export()["resources"] if "pulumi-python:dynamic/" in each["urn"]]
        return {each["urn"]: (each["id"], each["inputs"], each["outputs"]) for each in found}

    def steps(self) -> list[str]:
        """The boundaries of the walked host in the last `up`; one that is met twice is named once."""
        lines = (self.project.folder / "steps").read_text().splitlines()
        return list(dict.fromkeys(line for line in lines if line.startswith(f"{HOST} ")))

    def copy(self, folder: Path) -> Walker:
        shutil.copytree(self.project.folder, folder)
        return Walker(Project(folder, self.project.pulumi, self.project.name, dict(self.project.environment)))


@pytest.fixture(scope="module")
def walker(pulumi_bin: Path, tmp_path_factory: pytest.TempPathFactory) -> Walker:
    """One manager, up."""
    project = Project(tmp_path_factory.mktemp("walk") / "alone", pulumi_bin, "metalswarm")
    project.environment |= {
        "PULUMI_CONTINUE_ON_ERROR": "true",
        "METALSWARM_SEED": "QUJD" * 10 + "QUI=",
        "PYTHONPATH": str(CHECKOUT),
    }
    project.folder.mkdir()
    write_inventory(project.folder, **{name: {"blank": True} for name in ("n1", "n2")})
    entry = "from tests.engine.fakemetal.links import name_program\n\nname_program()\n"
    project.create(entry + (CHECKOUT / "__main__.py").read_text())
    walker = Walker(project)
    walker.want(ALONE)
    walker.up().expect()
    return walker


@dataclass
class Walk:
    """One change of the settings.

    :ivar before: the project as the change finds it.
    :ivar boundaries: of a run that nobody cuts short; `chains` is what it ends with.
    """

    name: str
    before: Walker
    boundaries: list[str]
    chains: dict[str, tuple]


@pytest.fixture(scope="module")
def walks(walker: Walker, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Walk]:
    both = walker.copy(tmp_path_factory.mktemp("walk") / "both")
    both.want(BOTH)
    both.up().expect()
    found = {"first": Walk("first", walker, both.steps(), both.chains())}
    for name in ("reinstall", "removal"):
        trial = both.copy(tmp_path_factory.mktemp("walk") / name)
        trial.want(WALKS[name][1])
        trial.up().expect()
        check(trial, name)
        found[name] = Walk(name, both, trial.steps(), trial.chains())
    return found


def check(walker: Walker, walk: str) -> None:
    """The world is as wanted, and nothing was done to it twice."""
    world = walker.world
    here = ["n1"] if walk == "removal" else ["n1", "n2"]
    assert sorted((node["host"], node["role"]) for node in world["nodes"].values()) == [
        (name, "manager" if name == "n1" else "worker") for name in here
    ]
    assert (world["consul"], world["ring"]) == (here, here)
    assert (world["births"], world["record"]) == (1, {"founder": "n1", "swarm": "swarm1"})
    first, second = world["hosts"]["n1"], world["hosts"]["n2"]
    assert (first["installs"], first["joins"], first["acts"]) == (1, 1, ["on"]), "the manager is left alone"
    assert (second["installs"], second["joins"]) == (INSTALLS[walk], INSTALLS[walk])
    assert second["acts"] == ["on", "cycle"][: INSTALLS[walk]]
    assert (second["target"], second["power"]) == ("default", "on")
    assert second["disk"]["marker"]["state"] == ("released" if walk == "removal" else "claimed")
    assert bool(second["disk"]["node"]) == bool(second["disk"]["engine"]) == (walk != "removal")


def unlock(project: Project) -> None:
    """What docs/operations.md says to do after a `kill -9` of the engine."""
    mend_torn_attributes(project)
    project.run("cancel", "--yes", "--stack", "dev").expect()


def cut_short(walk: Walk, boundary: str, victim: str, folder: Path) -> Walker:
    walker = walk.before.copy(folder)
    walker.want(WALKS[walk.name][1])
    killed = walker.up(KILL_AT=boundary, KILL=victim)
    reached = walker.project.folder / "reached"
    assert reached.exists(), killed.output
    # The engine needs its program only to register; a removal comes after that.
    if victim != "program" or not killed.ok:
        killed.expect(ok=False)
    if victim != "program":
        wait_for("the provider server has ended", lambda: gone(reached))
    if victim == "engine":
        unlock(walker.project)
    assert "Traceback" not in killed.output
    walker.up().expect()
    check(walker, walk.name)
    # So the next run finds what it would find after a run that nobody cut short.
    assert walker.chains() == walk.chains
    return walker


def test_a_seeded_few(walks: dict[str, Walk], tmp_path: Path) -> None:
    seed = int(os.environ.get("WALK_SEED") or random.randrange(10**6))
    print(f"WALK_SEED={seed}")
    choice = random.Random(seed)
    victims = choice.sample(VICTIMS, len(VICTIMS))
    for walk, victim in zip(walks.values(), victims, strict=True):
        boundary = choice.choice(walk.boundaries)
        print(f"{walk.name}: {victim} killed at: {boundary}")
        walker = cut_short(walk, boundary, victim, tmp_path / walk.name)
    assert set(walker.up().expect().changes) == {"same"}


@pytest.mark.full
@pytest.mark.parametrize("victim", VICTIMS)
@pytest.mark.parametrize("walk", WALKS)
def test_every_boundary(walks: dict[str, Walk], tmp_path: Path, walk: str, victim: str) -> None:
    failed = {}
    for boundary in walks[walk].boundaries:
        try:
            cut_short(walks[walk], boundary, victim, tmp_path / "cut")
        except AssertionError as error:
            failed[boundary] = str(error)[-2000:]
        print(f"{walk}: {victim} killed at: {boundary}: {'failed' if boundary in failed else 'converged'}", flush=True)
        shutil.rmtree(tmp_path / "cut", ignore_errors=True)
    assert not failed, json.dumps(failed, indent=1)
