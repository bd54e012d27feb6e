"""A running host on the whole program: what its pool asks of metal and BMC, and what it gets without a BMC."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.api import Lab
from lab.bmc.responder import Responder
from tests.lab.engines import reinstall
from tests.lab.ready_stack import failure, marker, ready_stack, small_lab
from tests.lab.stack import LabStack
from toolchain.pulumi import pulumi

pytestmark = [pytest.mark.lab, pytest.mark.engine]

BOOT_ID = "cat /proc/sys/kernel/random/boot_id"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with small_lab("nobmc", 141, hosts=1) as lab:
        reinstall(lab, "n1")
        yield lab


def outputs(stack: LabStack, link: str, host: str) -> dict[str, Any]:
    for resource in stack.project.export()["resources"]:
        if resource["urn"].endswith(f"{link}::{host}"):
            return dict(resource["outputs"])
    raise AssertionError(f"no {link} of {host}")


@pytest.mark.demand("R4", "R6", "H5", "U34")
def test_what_a_pool_asks_of_metal_is_in_the_diff_in_the_outputs_and_kept(lab: Lab, tmp_path: Path) -> None:
    login = lab.bmc_login
    bmc = Responder(login.user, login.password)  # ipmi_sim keeps no power restore policy
    bmc.power = 1
    try:
        stack = ready_stack(tmp_path / "project", lab, "n1", ready=10)
        stack.inventory["hosts"]["n1"]["bmc"] = {"address": bmc.address, "port": bmc.port}
        pool = stack.fleet["pools"]["web"]
        pool |= {"generation": 0, "on_destroy": "keep"}
        stack.up().expect()
        assert bmc.restore == 0, "nobody asked for another one"

        pool |= {
            "power_restore": "previous",
            "boot_device": "disk",
            "ready": {
                "cpus": {"at_least": 1, "at_most": 64},
                "disks": [{"count": {"at_least": 1}}],
                "nics": [{"count": {"exactly": 1}, "name": "eth*"}],
                "burn_in": {"command": ["echo run >>/var/tmp/burned", "sleep 2"], "deadline": "2m"},
            },
        }
        preview = stack.preview("--diff").expect()
        for words in ("power_restore", "boot_device", "burn_in", "exactly"):
            assert words in preview.output, preview.output
        stack.up().expect()
        assert (bmc.restore, bmc.flags[0] & 0xC0, bmc.flags[1]) == (1, 0xC0, 2 << 2), "previous; lasting, disk"
        assert outputs(stack, "Power", "n1")["restores"] == "previous"
        report = outputs(stack, "HostReady", "n1")["report"]
        assert len(report["metal"]["macs"]) == 1
        assert report["hardware"]["disks"]
        assert "processors at least 1 and at most 64" in report["met"]
        assert report["burn_in"] == marker(stack, "n1")["burn_in"]
        assert set(stack.up("--refresh").expect().changes) == {"same"}, "nothing volatile"
        assert stack.ssh("n1", "cat /var/tmp/burned") == "run"

        bmc.restore, bmc.flags = 2, bytes(5)
        assert "restores" in stack.refresh("--diff").expect().output
        outcome = stack.up().expect()
        assert {link for _, link, _ in stack.links(outcome)} == {"BootDevice", "Power"}
        assert (bmc.restore, bmc.flags[1]) == (1, 2 << 2)

        pool["ready"]["nics"] = [{"count": {"exactly": 4}, "speed": "400Gb/s"}]
        error = failure(stack.up(), "n1", "HostReady")
        assert "link speed at least 400 Gb/s: it has 0 of them; exactly 4 (found: eth0 " in error
        assert stack.ssh("n1", "cat /var/tmp/burned") == "run"
        stack.destroy().expect()
        assert bmc.executed == [], "power was never touched"
    finally:
        bmc.close()


@pytest.mark.demand("R1", "R6", "H7")
def test_a_host_without_a_bmc_joins_is_rebooted_over_ssh_and_is_refused_the_rest(lab: Lab, tmp_path: Path) -> None:
    stack = LabStack(tmp_path / "project", pulumi(), lab)
    stack.inventory["hosts"]["n1"]["bmc"] = "none"
    stack.fleet["clusters"]["blue"] |= {"managers": ["n1"], "manager": {"driver": "none"}}
    pool: dict[str, Any] = {"purpose": "swarm", "cluster": "blue", "hosts": ["n1"]}
    stack.fleet["pools"] = {"core": pool}
    before = stack.ssh("n1", BOOT_ID)
    stack.up().expect()
    assert stack.swarm_nodes()["n1"]["state"] == "ready"
    assert stack.ssh("n1", BOOT_ID) == before, "it joined with the system that ran"

    pool["reboot"] = "6.1.0-30"
    assert "reboots (6.1.0-30), drained, in waves: n1" in stack.preview().expect().output
    stack.up().expect()
    assert stack.ssh("n1", BOOT_ID) != before
    assert {"state": "ready", "availability": "active"}.items() <= stack.swarm_nodes()["n1"].items()
    assert set(stack.up().expect().changes) == {"same"}

    asked = {"generation": 1, "on_leave": "reinstall", "on_destroy": "off"}
    asked |= {"power_restore": "previous", "boot_device": "disk"}
    pool |= asked
    refused = stack.preview()
    assert not refused.ok
    for key, value in asked.items():
        assert f"n1: has no BMC, which {key}: {value} needs; allowed: a host with a BMC" in refused.output
    for key in asked:
        pool.pop(key)
    stack.fleet["pools"] |= {"core": pool, "spare": {"purpose": "free", "hosts": [], "power": "off"}}
    stack.move("n1", "spare")
    assert "n1: has no BMC, which power: off needs" in stack.preview().output
