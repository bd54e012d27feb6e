"""The layers below the swarm, each by itself: an engine without a cluster, a ready host without an engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.api import Lab
from metal.pki.authority import FLEET
from tests.lab.ready_stack import marker, ready_stack, small_lab

pytestmark = [pytest.mark.lab, pytest.mark.engine]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with small_lab("layers", 92) as lab:
        yield lab


@pytest.mark.demand("W9")
def test_an_engine_without_a_cluster_and_a_ready_host_without_an_engine(lab: Lab, tmp_path: Path) -> None:
    stack = ready_stack(tmp_path / "project", lab, "n1")
    stack.fleet["pools"]["web"]["purpose"] = "docker"
    outcome = stack.up().expect()
    assert {link for _, link, _ in stack.links(outcome)} == {"BootDevice", "Power", "HostReady", "DockerEngine"}
    info = stack.docker("/info", host="n1", port=2376, cluster=FLEET)
    assert info["Swarm"]["LocalNodeState"] == "inactive"
    assert stack.ssh("n1", "systemctl is-active consul", check=False) != "active"
    assert set(stack.up().expect().changes) == {"same"}

    stack.fleet["pools"]["web"]["purpose"] = "ready"
    before = marker(stack, "n1")
    outcome = stack.up().expect()
    assert [(step, link) for step, link, _ in stack.links(outcome) if step == "delete"] == [("delete", "DockerEngine")]
    assert stack.ssh("n1", "systemctl is-active docker", check=False) == "inactive"
    assert marker(stack, "n1")["generation"] == before["generation"]
    assert set(stack.up().expect().changes) == {"same"}
