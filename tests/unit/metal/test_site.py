from __future__ import annotations

import sys
from pathlib import Path

import pytest

from metal.errors import MetalError
from metal.settings.access import Access
from metal.settings.credentials import Credentials
from metal.settings.fleet import Deadlines, DockerWish, Fleet, HostFacts, Limits, ReadyFloors
from metal.site import Site
from metal.waiting import Run

ACCESS = Access("n1", "192.0.2.1", 22, "root", "default", False)
FACTS = HostFacts("n1", ACCESS, None, None, None, (), None, None, False, False, False)


@pytest.fixture
def site() -> Site:
    fleet = Fleet(
        owner="shop/prod",
        hosts={},
        clusters={},
        limits=Limits(),
        deadlines=Deadlines(),
        ready=ReadyFloors(),
        docker=DockerWish(),
        consul=None,
        unmanaged={"n1": FACTS},
    )
    return Site.open(fleet, Credentials.from_config({"metalswarm:seed": "c2VjcmV0"}, {}), Run())


def test_another_run_shares_the_connections(site: Site) -> None:
    run = Run()
    other = site.with_run(run)
    assert other.run is run
    assert other.ssh is site.ssh
    assert other.bmcs is site.bmcs
    site.close()


def test_a_host_is_reached_as_the_inventory_says_also_outside_of_every_pool(site: Site) -> None:
    assert site.access("n1") == ACCESS
    with pytest.raises(MetalError, match="n9: not in the inventory"):
        site.access("n9")


def test_a_closed_site_makes_no_new_connections(site: Site) -> None:
    other = site.with_run(Run())
    site.close()
    other.close()
    with pytest.raises(RuntimeError, match="closed"):
        _ = other.ssh


def test_no_secret_shows(site: Site) -> None:
    assert "c2VjcmV0" not in repr(site)


def test_opening_a_site_loads_no_client() -> None:
    import subprocess

    code = "import metal.site, sys; print([m for m in ('asyncssh', 'pyghmi', 'httpx') if m in sys.modules])"
    root = Path(__file__).resolve().parents[3]
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root).stdout == "[]\n"
