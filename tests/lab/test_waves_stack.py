"""Rolling changes on a living cluster: drained waves of at most so many, stopped by the first that fails, resumed."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import httpx
import pytest

from lab.api import Lab
from lab.spec import LabSpec
from metal.pki.authority import BOTH, Authority
from tests.engine.project import CHECKOUT
from tests.lab.containers import busybox_image, replicated_service
from tests.lab.stack import SEED, LabStack

pytestmark = [pytest.mark.lab, pytest.mark.engine, pytest.mark.full]

WORKERS = ["n2", "n3", "n4", "n5"]
BROKEN = "/etc/systemd/system/docker.service.d/99-broken.conf"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    spec = LabSpec(
        name="waves",
        hosts=5,
        subnet=IPv4Network("10.30.0.0/24"),
        bmc_base=IPv4Address("127.0.30.0"),
        directory=CHECKOUT / ".metalswarm" / "test-waves",
    )
    lab = Lab.from_spec(spec)
    lab.down()
    try:
        lab.up()
        yield lab
    finally:
        lab.down()


@pytest.fixture(scope="module")
def stack(lab: Lab, pulumi_bin: Path, tmp_path_factory: pytest.TempPathFactory) -> LabStack:
    """One manager, four workers in a pool."""
    stack = LabStack(tmp_path_factory.mktemp("stack") / "project", pulumi_bin, lab)
    stack.fleet["clusters"]["blue"] = {
        **stack.fleet["clusters"]["blue"],
        "managers": ["n1"],
        "consul": {"datacenter": "dc1", "servers": ["n1"]},
        "manager": {"driver": "none"},
    }
    swarm = {"purpose": "swarm", "cluster": "blue", "generation": 1, "on_destroy": "off"}
    stack.fleet["pools"] = {"core": {**swarm, "hosts": ["n1"]}, "web": {**swarm, "hosts": WORKERS}}
    stack.fleet.pop("hosts", None)
    stack.fleet["deadlines"] |= {"drain": 120, "engine": 60}
    stack.up().expect()
    return stack


@dataclass
class Samples:
    """What the manager said, several times a second.

    :ivar away: workers that were not ready or not active, one set a sample.
    :ivar running: running tasks of the service.
    """

    away: list[frozenset[str]] = field(default_factory=list)
    running: list[int] = field(default_factory=list)

    @property
    def most_away(self) -> int:
        return max(map(len, self.away))

    @property
    def ever_away(self) -> set[str]:
        return set().union(*self.away)

    @property
    def order(self) -> list[str]:
        """Workers by when they were first seen away."""
        return list(dict.fromkeys(name for sample in self.away for name in sorted(sample)))


@contextmanager
def sampled(stack: LabStack) -> Iterator[Samples]:
    """Watch from outside while something is changed."""
    samples, stop = Samples(), threading.Event()

    def watch() -> None:
        filters = json.dumps({"service": ["probe"], "desired-state": ["running"]})
        while not stop.wait(0.2):
            try:
                nodes = stack.swarm_nodes()
                tasks = stack.docker("/tasks", params={"filters": filters})
            except httpx.HTTPError:
                continue  # the only manager restarts
            samples.away.append(
                frozenset(
                    name
                    for name, node in nodes.items()
                    if name in WORKERS and (node["state"], node["availability"]) != ("ready", "active")
                )
            )
            samples.running.append(sum(task["Status"]["State"] == "running" for task in tasks))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield samples
    finally:
        stop.set()
        thread.join()


def engine_starts(stack: LabStack) -> dict[str, str]:
    show = "systemctl show --value --property=MainPID docker.service; cat /proc/sys/kernel/random/boot_id"
    return {name: stack.ssh(name, show) for name in WORKERS}


@pytest.mark.demand("U40", "U45", "U57")
def test_a_changed_engine_setting_rolls_in_waves(stack: LabStack, tmp_path: Path) -> None:
    image = busybox_image(tmp_path)
    for name in WORKERS:
        stack.load_image(name, image)
    before = engine_starts(stack)
    with replicated_service(stack, replicas=2):
        stack.fleet["docker"]["daemon"] = {"log-opts": {"max-size": "5m"}}
        preview = stack.preview().expect()
        assert "waves: n1, n2; n3; n4; n5" in preview.output, preview.output
        assert "engine restarts (daemon.json: log-opts)" in preview.output
        with sampled(stack) as one:
            stack.up().expect()
        assert one.most_away == 1, one.away
        assert one.ever_away == set(WORKERS), "each was drained"
        assert min(one.running) >= 1, "one of the two is always there"
        assert one.running[-1] == 2

        stack.fleet["docker"]["daemon"] = {"log-opts": {"max-size": "6m"}}
        stack.fleet["pools"]["web"]["max_unavailable"] = 2
        with sampled(stack) as two:
            stack.up().expect()
        assert two.most_away == 2, two.away
    after = engine_starts(stack)
    assert all(before[name] != after[name] for name in WORKERS)
    assert set(stack.up().expect().changes) == {"same"}


@pytest.mark.demand("U57", "U58")
def test_the_first_that_fails_stops_the_wave_and_the_next_run_goes_on_there(stack: LabStack) -> None:
    stack.fleet["pools"]["web"]["max_unavailable"] = 1
    stack.up().expect()
    # The engine of n3 will not start again, for a reason that no settings know.
    stack.ssh("n3", f"printf '[Service]\\nExecStartPre=/bin/false\\n' >{BROKEN}; systemctl daemon-reload")
    stack.fleet["docker"]["daemon"] = {"log-opts": {"max-size": "7m"}}
    with sampled(stack) as samples:
        outcome = stack.up().expect(ok=False)
    assert samples.most_away == 1, samples.away
    assert "the wave of pool web stopped at n3" in outcome.output
    touched = samples.ever_away
    assert "n3" in touched
    assert touched != set(WORKERS), "the wave went on"
    nodes = stack.swarm_nodes()
    assert nodes["n3"]["availability"] == "drain", "it gets no work as it is"
    assert {nodes[name]["availability"] for name in WORKERS if name != "n3"} == {"active"}

    with sampled(stack) as samples:
        stack.up().expect(ok=False)
    assert samples.ever_away == {"n3"}, "nobody else is touched while it is away"

    stack.ssh("n3", f"rm {BROKEN}; systemctl daemon-reload")
    with sampled(stack) as samples:
        stack.up().expect()
    assert samples.most_away == 1, samples.away
    assert samples.order[0] == "n3", "it goes on there"
    assert samples.ever_away == {"n3"} | (set(WORKERS) - touched)
    assert {node["availability"] for node in stack.swarm_nodes().values()} == {"active"}
    assert set(stack.up().expect().changes) == {"same"}


@pytest.mark.demand("U57")
def test_a_new_label_reboots_each_host_once(stack: LabStack) -> None:
    boots = {name: stack.ssh(name, "cat /proc/sys/kernel/random/boot_id") for name in ["n1", *WORKERS]}
    stack.fleet["pools"]["web"] |= {"reboot": "kernel-6.1.0-30", "max_unavailable": 2}
    preview = stack.preview().expect()
    assert "reboots (kernel-6.1.0-30)" in preview.output, preview.output
    with sampled(stack) as samples:
        stack.up().expect()
    assert samples.most_away == 2, samples.away
    now = {name: stack.ssh(name, "cat /proc/sys/kernel/random/boot_id") for name in boots}
    assert {name for name in boots if now[name] != boots[name]} == set(WORKERS)
    assert set(stack.up().expect().changes) == {"same"}
    assert set(stack.refresh("--expect-no-changes").expect().changes) == {"same"}


@pytest.mark.demand("U39", "U40")
def test_certificates_near_their_end_are_renewed_in_waves(stack: LabStack) -> None:
    for name in WORKERS[:2]:
        age_certificates(stack, name)
    refreshed = stack.refresh().expect()
    assert refreshed.changes.get("update"), refreshed.output
    with sampled(stack) as samples:
        stack.up().expect()
    assert samples.ever_away == set(WORKERS[:2])
    ends = {name: stack.ssh(name, "openssl x509 -enddate -noout -in /etc/consul.d/tls/cert.pem") for name in WORKERS}
    years = {end.split()[-2] for end in ends.values()}
    assert len(years) == 1, ends
    assert set(stack.up().expect().changes) == {"same"}


def age_certificates(stack: LabStack, host: str) -> None:
    """Put certificates of the same keys and authority there that end in ten days."""
    authority = Authority.of(base64.b64decode(SEED), "blue", 1)
    places = {
        "/etc/docker/metalswarm": ([host, "localhost"], ["127.0.0.1", stack.address(host)], f"/CN={host}"),
        "/etc/consul.d/tls": (["client.dc1.consul", "localhost"], ["127.0.0.1"], "/CN=client.dc1.consul"),
    }
    for folder, (names, addresses, subject) in places.items():
        csr = stack.ssh(host, f"openssl req -new -key {folder}/key.pem -subj {subject}")
        pem = authority.sign(csr, names=names, addresses=addresses, usages=BOTH, days=10)
        stack.ssh(host, f"cat >{folder}/cert.pem <<'END'\n{pem}END")
