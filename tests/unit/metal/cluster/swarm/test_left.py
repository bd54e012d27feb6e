"""A host is taken out of its swarm once a run, by whichever of its links goes first."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from metal.cluster.swarm import left
from metal.cluster.swarm.wish import NodeWish
from metal.errors import ClusterError
from metal.plan.join import Role
from metal.settings.credentials import Credentials
from metal.settings.fleet import SwarmWish
from metal.site import Site
from metal.waiting import Run
from tests.unit.small_fleet import small_fleet

Ensure = Callable[..., None]


class Clock:
    """A second a look: time passes only while somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


@pytest.fixture
def site(tmp_path: Path) -> Site:
    run = Run(progress=lambda line: None, clock=Clock())
    return Site.open(small_fleet(tmp_path), Credentials.from_config({"metalswarm:manager-default": "key"}, {}), run)


@pytest.fixture
def gone(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    gone: list[str] = []
    monkeypatch.setattr(left, "remove_node", lambda site, wish, record, **how: gone.append(wish.host))
    return gone


@pytest.fixture
def ensure(site: Site) -> Ensure:
    def ensure(site: Site = site, **how: Any) -> None:
        wish = NodeWish("n2", site.access("n2"), "blue", Role.WORKER, SwarmWish())
        left.ensure_left(site, wish, None, **{"dissolving": True, "dead": False, "give_up": False, **how})

    return ensure


def test_a_node_that_no_link_knows_of_is_taken_out_by_the_links_under_it(ensure: Ensure, gone: list[str]) -> None:
    ensure(others=True)
    ensure(others=True)
    ensure()
    assert gone == ["n2"], "once"


def test_its_own_link_goes_first_and_is_waited_for(site: Site, ensure: Ensure, gone: list[str]) -> None:
    told = Event()
    waiting = site.with_run(replace(site.run, progress=lambda line: told.set()))
    with ThreadPoolExecutor(1) as threads:
        with site.partings.leaving("n2"):
            under = threads.submit(ensure, site=waiting, others=True)
            assert told.wait(30), "it says what it waits for"
            assert not gone
            ensure()
        under.result(30)
    assert gone == ["n2"], "once"


def test_who_joins_again_can_leave_again(site: Site, ensure: Ensure, gone: list[str]) -> None:
    ensure()
    site.partings.note_joining("n2", "blue")
    ensure()
    assert gone == ["n2", "n2"]


def test_nothing_under_a_membership_goes_whose_end_has_failed(site: Site, ensure: Ensure, gone: list[str]) -> None:
    site.places.fail("n2", "work that will not end")
    with pytest.raises(ClusterError, match="has not left the swarm of blue") as told:
        ensure(others=True)
    assert told.value.host == "n2"
    assert not gone
