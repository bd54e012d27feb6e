"""Measure 300 simulated BMCs and write the part of docs/benchmarks.md that is about them, with its plot."""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.bmc.figures import AnsibleFigures, Measured, PowerOn, Sweep, rules
from bench.bmc.peers import Ansible, NotMeasured, ipmitool_parallel, ipmitool_sequence
from bench.bmc.plot import plot
from bench.bmc.rack import PORT, USER, Place, Rack, places
from bench.bmc.report import report
from bench.section import put_section
from metal.settings.fleet import Limits
from toolchain.cache import ROOT

BMCS, ROUNDS, SEQUENCE_ROUNDS = 300, 5, 1
SHARES = (0, 5, 15)  # per cent of dead BMCs
DEADLINE = 20.0
GRACE = 20.0  # seconds after the deadline at which an operation counts as hung
KINDS = ("silent", "closed", "frozen")
PATIENT = ("silent", "frozen")  # given up at the deadline; a closed port at once
SEED = 5
ANSIBLE_TRIAL, ANSIBLE_ROUNDS, ANSIBLE_SECONDS = 20, 2, 300.0
PLOT = "benchmarks-bmc.svg"
LIMITS = Limits()


def main() -> int:
    load = os.getloadavg()[0]
    bmcs = places(BMCS)
    with tempfile.TemporaryDirectory(prefix="metalswarm-bench-bmc-") as name:
        folder = Path(name)
        power = [power_on(folder / f"power-{share}", bmcs, share) for share in SHARES]
        with Rack(folder / "sweep", bmcs) as rack:
            ours, whole, parallel, sequence = _sweeps(rack, bmcs, ROUNDS, with_sequence=True)
            ansible = _ansible(rack, bmcs)
    memory = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
    run = Measured(os.cpu_count() or 1, memory, load, ours, whole, parallel, sequence, ansible, power)
    subnets = len({place.address.rpartition(".")[0] for place in bmcs})
    text = report(run, subnets=subnets, plot=PLOT)
    put_section(ROOT / "docs" / "benchmarks.md", "make bench-bmc", text)
    (ROOT / "docs" / PLOT).write_text(plot(run), encoding="utf-8")
    sys.stdout.write(text)
    return 0 if all(rule.met for rule in rules(run)) else 1


def _sweeps(rack: Rack, bmcs: Sequence[Place], rounds: int, *, with_sequence: bool) -> list[Sweep]:
    """All clients in turn, each round in the same order."""
    at_once = LIMITS.bmc_sessions
    inside: list[float] = []

    def ours() -> float:
        began = time.monotonic()
        answer = _client(rack, bmcs, "status", deadline=60.0)
        whole = time.monotonic() - began
        assert {one["outcome"] for one in answer["bmcs"].values()} == {"off"}, answer
        assert len(answer["bmcs"]) == len(bmcs)
        inside.append(answer["seconds"])
        return whole

    clients: dict[str, Callable[[], float]] = {
        "ours, whole process": ours,
        "ipmitool in parallel": lambda: ipmitool_parallel(bmcs, rack.password, at_once),
    }
    if with_sequence:
        clients["ipmitool in sequence"] = lambda: ipmitool_sequence(bmcs, rack.password)
    seconds: dict[str, list[float]] = {name: [] for name in clients}
    cpu: dict[str, list[float]] = {name: [] for name in clients}
    for turn in range(rounds):
        for name, sweep in clients.items():
            if name.endswith("sequence") and turn >= SEQUENCE_ROUNDS:
                continue
            before = _children()
            seconds[name].append(sweep())
            cpu[name].append(_children() - before)
            _say(f"round {turn + 1} of {rounds}: {name}, {len(bmcs)} BMCs: {seconds[name][-1]:.2f} s")
    found = [Sweep("ours", len(bmcs), at_once, inside, cpu["ours, whole process"])]
    for name, each in seconds.items():
        found.append(Sweep(name, len(bmcs), 1 if name.endswith("sequence") else at_once, each, cpu[name]))
    return found


def _children() -> float:
    """Processor seconds of every process that was started here and has ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _ansible(rack: Rack, bmcs: Sequence[Place]) -> AnsibleFigures:
    """On all BMCs where a trial on a few says that it ends in time, else on those few."""
    try:
        peer = Ansible(ROOT / ".metalswarm" / "cache" / "bench-ansible")
        at_once = LIMITS.bmc_sessions
        trial = peer.sweep(bmcs[:ANSIBLE_TRIAL], rack.password, at_once)
        _say(f"Ansible, {ANSIBLE_TRIAL} BMCs: {trial:.1f} s")
        fits = trial * len(bmcs) / ANSIBLE_TRIAL <= ANSIBLE_SECONDS
        asked = bmcs if fits else bmcs[:ANSIBLE_TRIAL]
        theirs, cpu, mine = [], [], []
        for _ in range(1 if fits else ANSIBLE_ROUNDS):
            before = _children()
            theirs.append(peer.sweep(asked, rack.password, at_once))
            cpu.append(_children() - before)
            mine.append(_sweeps(rack, asked, 1, with_sequence=False)[0])
            _say(f"Ansible, {len(asked)} BMCs: {theirs[-1]:.1f} s; ours {mine[-1].median:.2f} s")
    except NotMeasured as reason:
        _say(f"Ansible: not measured: {reason}")
        return AnsibleFigures("Ansible, community.general.ipmi_power", missing=str(reason))
    ours = Sweep(
        "ours, on what Ansible was measured on",
        len(asked),
        at_once,
        [one.median for one in mine],
        [one.cpu[0] for one in mine],
    )
    return AnsibleFigures(peer.title, (ours, Sweep(f"Ansible ({peer.title})", len(asked), at_once, theirs, cpu)))


def power_on(folder: Path, bmcs: Sequence[Place], share: int) -> PowerOn:
    """Switch all of them on, `share` per cent of which are dead."""
    chance = random.Random(SEED)
    count = round(len(bmcs) * share / 100)
    dead = {number: KINDS[turn % len(KINDS)] for turn, number in enumerate(chance.sample(range(len(bmcs)), count))}
    mixed = [replace(place, kind=dead.get(number, "good")) for number, place in enumerate(bmcs)]
    with Rack(folder, mixed) as rack:
        answer = _client(rack, mixed, "on", deadline=DEADLINE)
        controls = rack.controls()
    good = [place.name for place in mixed if place.kind == "good"]
    ended: dict[str, Any] = answer["bmcs"]
    done = [ended[name]["seconds"] for name in good if ended.get(name, {}).get("outcome") == "on"]
    assert not [place for place in mixed if place.kind != "good" and ended.get(place.name, {}).get("outcome") == "on"]
    _say(f"power-on, {share} % dead: {answer['seconds']:.2f} s, slowest healthy {max(done):.2f} s")
    return PowerOn(
        percent=share,
        dead=count,
        deadline=DEADLINE,
        done=done,
        failed=len(good) - len(done),
        seconds=answer["seconds"],
        gave_up=[ended[place.name]["seconds"] for place in mixed if place.kind in PATIENT and place.name in ended],
        controls=[len(controls[name]) for name in good],
        memory=answer["memory"],
        threads=answer["threads"],
        hung=answer["hung"],
    )


def _client(rack: Rack, bmcs: Sequence[Place], action: str, *, deadline: float) -> dict[str, Any]:
    task = {
        "action": action,
        "deadline": deadline,
        "grace": GRACE,
        "sessions": LIMITS.bmc_sessions,
        "per_subnet": LIMITS.bmc_per_subnet,
        # As `metalswarm status` asks, and as the provider server acts.
        "threads": LIMITS.bmc_sessions if action == "status" else len(bmcs),
        "login": f"{USER}:{rack.password}",
        "bmcs": [(place.name, place.address, PORT) for place in bmcs],
    }
    done = subprocess.run(
        [sys.executable, "-m", "bench.bmc.client"],
        input=json.dumps(task),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
