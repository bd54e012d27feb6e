"""Who of a pool is away, and how long somebody waits for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from metal.cluster.place import await_host, await_place, away_hosts
from metal.cluster.swarm.view import Node, View
from metal.places import WaveStopped
from metal.plan.join import Role
from metal.plan.waves import place_of
from metal.settings.credentials import Credentials
from metal.site import Site
from metal.waiting import Pending, Run
from tests.unit.small_fleet import document, small_fleet


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    wanted = document()
    wanted["pools"]["core"]["hosts"] = ["n1", "n2", "n5"]
    fleet = small_fleet(tmp_path, wanted)
    fleet = replace(fleet, deadlines=replace(fleet.deadlines, swarm=1))
    with Site.open(fleet, Credentials.from_config({}, {}), Run()) as site:
        yield site


def node(name: str, **changes: object) -> Node:
    kept: dict[str, object] = {
        "id": f"id-{name}",
        "name": name,
        "role": Role.WORKER,
        "voter": False,
        "reachable": False,
        "leader": False,
        "raft": "",
        "address": "10.0.0.9",
        "state": "ready",
        "availability": "active",
        "labels": {},
        "version": 1,
        "spec": {},
    }
    return Node(**{**kept, **changes})  # type: ignore[arg-type]


MANAGER = node("n1", role=Role.MANAGER, voter=True, reachable=True)


@pytest.mark.parametrize(
    ("nodes", "away"),
    [
        ([MANAGER, node("n2"), node("n5")], set()),
        ([MANAGER, node("n2", state="down"), node("n5", availability="drain")], {"n2", "n5"}),
        ([replace(MANAGER, reachable=False), node("n2")], {"n1", "n5"}),
        ([MANAGER, node("n2", state="down"), node("n2"), node("n5")], set()),
    ],
    ids=[
        "all serve",
        "down and drained",
        "a manager out of reach, a host in no swarm",
        "a former life is down",
    ],
)
def test_who_does_not_serve_is_away(site: Site, nodes: list[Node], away: set[str]) -> None:
    assert away_hosts(site, "n2", View("s", tuple(nodes))) == away


def test_a_host_on_hold_is_known_to_be_away(site: Site) -> None:
    held = {**site.fleet.hosts, "n5": replace(site.fleet.hosts["n5"], hold="RMA")}
    site = replace(site, fleet=replace(site.fleet, hosts=held))
    assert away_hosts(site, "n2", View("s", (MANAGER, node("n2")))) == frozenset()


def test_nobody_waits_for_ever_for_a_host_that_nothing_is_done_about(site: Site) -> None:
    place = place_of(site.fleet, "n2")
    assert place is not None
    with pytest.raises(WaveStopped, match="cannot do without it") as stopped:
        await_place(site, place, lambda: frozenset({"n5"}))
    assert "n5 of pool core is not ready" in str(stopped.value)
    with pytest.raises(WaveStopped, match="cannot do without it"):
        await_place(site, place, lambda: Pending("1 of 3 managers are reachable"))
    assert not site.places.holds("n2")


def test_a_host_that_is_worked_on_is_waited_for(site: Site) -> None:
    place = place_of(site.fleet, "n2")
    assert place is not None
    looks: list[int] = []

    def look() -> frozenset[str]:
        looks.append(1)
        return frozenset({"n5"}) if len(looks) < 5 else frozenset()

    with site.places.under_way("n5"):
        await_place(site, place, look)  # five looks, half a second apart, outlast the deadline of one second
    assert site.places.holds("n2")


def test_a_host_of_no_pool_waits_for_nobody(site: Site) -> None:
    await_host(site, "n9")
    assert not site.places.holds("n9")
