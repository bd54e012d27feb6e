"""A small lab and a stack of ready hosts on it: the metal alone, where an `up` takes seconds."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest

from lab.api import Lab
from lab.install import missing
from lab.spec import LabSpec
from tests.engine.project import CHECKOUT, Outcome
from tests.lab.stack import LabStack
from toolchain.pulumi import pulumi

__all__ = ["failure", "fresh_hosts", "marker", "ready_stack", "small_lab", "warnings"]

_MARKER = "/var/lib/metalswarm/marker.json"


@contextmanager
def small_lab(name: str, number: int, *, hosts: int = 3, redfish_port: int = 0) -> Iterator[Lab]:
    """A few hosts of a lab of its own, off at first; gone at the end.

    :param number: of its networks, 10.<number>.0.0/24 among hosts and 127.0.<number>.0 among BMCs.
    """
    if os.geteuid() != 0:
        pytest.skip("a lab needs root")
    if lacking := missing():
        pytest.skip(f"a lab needs the Debian packages {' '.join(lacking)}: metalswarm lab install")
    spec = LabSpec(
        name=name,
        hosts=hosts,
        subnet=IPv4Network(f"10.{number}.0.0/24"),
        bmc_base=IPv4Address(f"127.0.{number}.0"),
        directory=CHECKOUT / ".metalswarm" / f"test-{name}",
        redfish_port=redfish_port,
    )
    lab = Lab.from_spec(spec)
    lab.down()
    try:
        lab.up()
        yield lab
    finally:
        lab.down()


def fresh_hosts(lab: Lab) -> Lab:
    """The lab with every host off, every BMC plugged in, disks empty, nothing counted, broken or armed."""
    for host in lab.hosts:
        host.kill()
        shutil.rmtree(host.spec.machine_directory / "disk", ignore_errors=True)
        (host.spec.machine_directory / "installs.json").unlink(missing_ok=True)
        host.plug()
        host.clear_faults()
        host.set_boot("none")
    return lab


def ready_stack(folder: Path, lab: Lab, *hosts: str, **deadlines: int) -> LabStack:
    """A stack without clusters; `hosts` in one pool `web` of ready hosts at generation 1."""
    stack = LabStack(folder, pulumi(), lab)
    stack.fleet["clusters"] = {}
    stack.fleet.pop("hosts", None)
    stack.fleet["pools"] = {"web": {"purpose": "ready", "hosts": list(hosts), "generation": 1, "on_destroy": "off"}}
    stack.fleet["deadlines"] |= {"boot": 30, "ssh": 15, **deadlines}
    return stack


def failure(outcome: Outcome, host: str, link: str) -> str:
    """The one error of a run in which `link` of `host` failed, and nothing else did."""
    assert not outcome.ok, outcome.output
    assert "Traceback" not in outcome.output
    told = outcome.diagnostics("error")
    (error,) = [event["message"] for event in told if event.get("urn", "").endswith(f"{link}::{host}")]
    others = [event["message"] for event in told if not event.get("urn", "").endswith(f"{link}::{host}")]
    assert len(others) <= 1, outcome.output
    assert all(message.startswith((f"{host}: stopped at {link};", "update failed")) for message in others), others
    return str(error)


def warnings(outcome: Outcome, word: str) -> list[str]:
    return [event["message"] for event in outcome.diagnostics("warning") if word in event["message"]]


def marker(stack: LabStack, host: str) -> dict[str, Any]:
    return dict(json.loads(stack.ssh(host, f"cat {_MARKER}")))
