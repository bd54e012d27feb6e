"""Everything that rolls, by the real program on the real engine: shown in a preview, done one worker at a time."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from lab.api import Lab
from metal.pki.authority import BOTH, Authority
from tests.lab.containers import busybox_image, replicated_service
from tests.lab.newer_package import offer_newer
from tests.lab.ready_stack import small_lab
from tests.lab.stack import SEED, LabStack

pytestmark = [pytest.mark.lab, pytest.mark.engine, pytest.mark.full]

WORKERS = ["n2", "n3"]
BOOT = "cat /proc/sys/kernel/random/boot_id"
STARTS = "systemctl show --value --property=ExecMainStartTimestampMonotonic docker.service consul.service"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with small_lab("wstack", 31) as lab:
        yield lab


@pytest.fixture(scope="module")
def stack(lab: Lab, pulumi_bin: Path, tmp_path_factory: pytest.TempPathFactory) -> LabStack:
    """One manager, two workers in a pool of their own."""
    stack = LabStack(tmp_path_factory.mktemp("stack") / "project", pulumi_bin, lab)
    stack.fleet["clusters"]["blue"] |= {
        "managers": ["n1"],
        "consul": {"datacenter": "dc1"},
        "manager": {"driver": "none"},
    }
    swarm = {"purpose": "swarm", "cluster": "blue", "generation": 1, "on_destroy": "off"}
    stack.fleet["pools"] = {"core": {**swarm, "hosts": ["n1"]}, "web": {**swarm, "hosts": WORKERS}}
    stack.fleet.pop("hosts", None)
    stack.up().expect()
    return stack


@dataclass
class Samples:
    """:ivar away: workers that were not ready, drained or not listed, one set a sample.
    :ivar running: replicas that ran.
    """

    away: list[frozenset[str]] = field(default_factory=list)
    running: list[int] = field(default_factory=list)


@contextmanager
def sampled(stack: LabStack, *, service: str | None = "probe") -> Iterator[Samples]:
    """What the manager says, several times a second, asked without the program.

    :param service: whose tasks are counted; None counts none.
    """
    samples, stop = Samples(), threading.Event()

    def watch() -> None:
        filters = json.dumps({"service": [service], "desired-state": ["running"]})
        while not stop.wait(0.2):
            try:
                nodes = stack.swarm_nodes()
                tasks = stack.docker("/tasks", params={"filters": filters}) if service else []
            except httpx.HTTPError:
                continue  # the only manager restarts
            # "unknown": a leader that has just started has not heard of the node yet.
            up = {n for n, node in nodes.items() if node["state"] in ("ready", "unknown")}
            serving = {name for name in up if nodes[name]["availability"] == "active"}
            samples.away.append(frozenset(WORKERS) - serving)
            samples.running.append(sum(task["Status"]["State"] == "running" for task in tasks))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield samples
    finally:
        stop.set()
        thread.join()


def seen(stack: LabStack, command: str) -> dict[str, str]:
    return {name: stack.ssh(name, command) for name in ["n1", *WORKERS]}


def age_certificate(stack: LabStack, host: str) -> None:
    """Put a certificate of the same key and authority there that ends in ten days."""
    folder = "/etc/consul.d/tls"
    csr = stack.ssh(host, f"openssl req -new -key {folder}/key.pem -subj /CN=client.dc1.consul")
    names = ["client.dc1.consul", "localhost"]
    authority = Authority.of(base64.b64decode(SEED), "blue", 1)
    pem = authority.sign(csr + "\n", names=names, addresses=["127.0.0.1"], usages=BOTH, days=10)
    stack.ssh(host, f"cat >{folder}/cert.pem <<'END'\n{pem}END\n")


@pytest.mark.demand("U39", "U40", "U45", "U57")
def test_engine_consul_certificate_and_reboot_in_one_edit(stack: LabStack, tmp_path: Path) -> None:
    image = busybox_image(tmp_path)
    for name in WORKERS:
        stack.load_image(name, image)
    age_certificate(stack, "n3")
    refreshed = stack.refresh().expect()
    assert refreshed.changes.get("update") == 1, refreshed.output

    stack.fleet["docker"]["daemon"] = {"log-opts": {"max-size": "5m"}}
    stack.fleet["consul"]["version"] = "1.15.4+1"
    stack.fleet["pools"]["web"]["reboot"] = "6.1.0-30"
    preview = stack.preview().expect()
    for line in (
        "blue: engine restarts (daemon.json: log-opts), drained, in waves: n1, n2; n3",
        "blue: Consul agent restarts (1.15.4 to 1.15.4+1), drained, in waves: n1, n2; n3",
        "blue: reboots (6.1.0-30), drained, in waves: n2; n3",
    ):
        assert line in preview.output, preview.output
    assert "replace" not in preview.changes, preview.output

    boots, starts = seen(stack, BOOT), seen(stack, STARTS)
    with replicated_service(stack, replicas=1), sampled(stack) as samples:
        stack.up().expect()
        assert samples.running[-1] == 1
    assert max(map(len, samples.away)) == 1, samples.away
    assert set().union(*samples.away) == set(WORKERS)
    now = seen(stack, BOOT)
    assert {name for name in now if now[name] != boots[name]} == set(WORKERS), "the pool with the label, and only it"
    after = seen(stack, STARTS)
    assert all(set(starts[name].split()).isdisjoint(after[name].split()) for name in starts)
    end = stack.ssh("n3", "openssl x509 -noout -checkend 8640000 -in /etc/consul.d/tls/cert.pem")
    assert "will not expire" in end
    assert {node["availability"] for node in stack.swarm_nodes().values()} == {"active"}
    assert set(stack.up().expect().changes) == {"same"}
    assert set(stack.refresh("--expect-no-changes").expect().changes) == {"same"}
    assert seen(stack, BOOT) == now


@pytest.mark.demand("U40", "U57")
def test_another_version_of_the_engine_is_installed_in_waves(stack: LabStack, lab: Lab) -> None:
    """It is held afterwards, and the engine that runs is that of the package."""
    version = offer_newer(lab, "docker.io", "+lab1")
    stack.fleet["docker"]["version"] = "*+lab1"
    preview = stack.preview().expect()
    assert "blue: engine restarts (version: 20.10.24* to *+lab1), drained, in waves: n1, n2; n3" in preview.output
    assert "replace" not in preview.changes, preview.output
    starts, boots = seen(stack, STARTS), seen(stack, BOOT)
    with replicated_service(stack, replicas=1), sampled(stack) as samples:
        stack.up().expect()
        assert samples.running[-1] == 1
    assert max(map(len, samples.away)) == 1, samples.away
    assert set(seen(stack, "dpkg-query -W -f '${Version}' docker.io").values()) == {version}
    assert set(seen(stack, "apt-mark showhold").values()) == {"docker.io"}
    after = seen(stack, STARTS)
    assert all(starts[name].split()[0] != after[name].split()[0] for name in starts), "each engine was restarted"
    assert seen(stack, BOOT) == boots
    assert {node["availability"] for node in stack.swarm_nodes().values()} == {"active"}
    assert set(stack.up().expect().changes) == {"same"}


@pytest.mark.demand("U57")
def test_a_pool_is_reinstalled_one_host_after_the_other(stack: LabStack) -> None:
    stack.fleet["pools"]["web"]["generation"] = 2
    preview = stack.preview().expect()
    assert "blue: reinstalled, drained, in waves: n2; n3" in preview.output, preview.output
    machines = seen(stack, "cat /etc/machine-id")
    with sampled(stack, service=None) as samples:
        stack.up().expect()
    assert max(map(len, samples.away)) == 1, samples.away
    now = seen(stack, "cat /etc/machine-id")
    assert {name for name in now if now[name] != machines[name]} == set(WORKERS)
    boots = seen(stack, BOOT)
    assert set(stack.up().expect().changes) == {"same"}
    assert seen(stack, BOOT) == boots, "a host that was just installed counts as rebooted"
