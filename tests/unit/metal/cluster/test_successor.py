"""A voter that leaves and the one that takes over, in one update: the first waits, the second gets the turn."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from metal.cluster.consul import remove as consul
from metal.cluster.consul.wish import MemberWish
from metal.cluster.stackengine import remove as stackengine
from metal.cluster.stackengine.wish import ManagerNodeWish
from metal.cluster.turn import turn
from metal.settings import load_fleet
from metal.settings.credentials import Credentials
from metal.site import Site
from metal.waiting import Pending, Run
from tests.unit.small_fleet import OWNER, document, write_inventory


@pytest.fixture
def site(tmp_path: Path) -> Site:
    write_inventory(tmp_path)
    told = document()
    told["clusters"]["blue"]["managers"] = ["n1", "n2", "n3"]
    told["pools"]["core"]["hosts"] = ["n1", "n2", "n3"]
    told["pools"] = {"core": told["pools"]["core"]}
    fleet = load_fleet(told, root=tmp_path, owner=OWNER)
    credentials = Credentials.from_config({"metalswarm:manager-default": "key"}, {})
    return Site.open(fleet, credentials, Run(progress=lambda line: None))


def leaves_after(
    layer: str, site: Site, leave: Callable[[], object], waits: Event, joined: Event, left: list[str]
) -> None:
    """Let a host leave while its successor needs the turn to join."""
    with ThreadPoolExecutor(1) as threads:
        leaving = threads.submit(leave)
        assert waits.wait(10), "it never asked whether it may go"
        with turn(layer, "blue", host="n2", deadline=site.run.deadline(10)):
            assert not left
            joined.set()
        leaving.result(30)
    assert left == ["n1"]


def test_a_consul_server_waits_for_its_successor_without_the_turn(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    waits, joined, left = Event(), Event(), []

    def waits_for(site: Site, wish: MemberWish, *, dead: bool) -> Pending | None:
        waits.set()
        return None if joined.is_set() else Pending("n2 must be a healthy voter first")

    monkeypatch.setattr(consul, "_waits_for", waits_for)
    monkeypatch.setattr(consul, "_part", lambda site, wish, ssh: left.append(wish.host))
    monkeypatch.setattr(consul, "reach_leaver", lambda *a, **k: None)
    wish = MemberWish.of(site.fleet, "n1")
    leaves_after("consul", site, partial(consul.remove_member, site, wish, dissolving=False), waits, joined, left)


def test_a_ring_member_waits_for_its_successor_without_the_turn(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    waits, joined, left = Event(), Event(), []

    def ask_ring(*args: Any) -> str | Pending:
        waits.set()
        return "n2" if joined.is_set() else Pending("n2 must be active in the ring first")

    monkeypatch.setattr(stackengine, "_ask_ring", ask_ring)
    monkeypatch.setattr(stackengine, "_deregister", lambda site, driver, wish, ssh: left.append(wish.host))
    monkeypatch.setattr(stackengine, "reach_leaver", lambda *a, **k: None)
    record = SimpleNamespace(read=lambda: frozenset({"n1"}))
    monkeypatch.setattr(stackengine, "open_ring_record", lambda site, cluster: nullcontext(record))
    wish = ManagerNodeWish.of(site.fleet, "n1")
    leave = partial(stackengine.remove_manager_node, site, wish, dissolving=False)
    leaves_after("stackengine", site, leave, waits, joined, left)
