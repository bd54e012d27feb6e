"""A lab of the tests' own, beside whatever lab the machine runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from lab.api import Lab
from lab.install import missing
from lab.spec import LabSpec

_CHECKOUT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """Six hosts, all off at first; gone at the end, also when a test fails or is interrupted."""
    if os.geteuid() != 0:
        pytest.skip("a lab needs root")
    if lacking := missing():
        pytest.skip(f"a lab needs the Debian packages {' '.join(lacking)}: metalswarm lab install")
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    spec = LabSpec(
        name=f"test{number}",
        subnet=IPv4Network(f"10.78.{number}.0/24"),
        bmc_base=IPv4Address(f"127.3.{number}.0"),
        directory=_CHECKOUT / ".metalswarm" / f"lab-test{number}",
    )
    lab = Lab.from_spec(spec)
    lab.down()
    try:
        lab.up()
        yield lab
    finally:
        lab.down()
