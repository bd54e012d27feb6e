from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from metal.cluster.swarm.patience import before_demotion, missing_managers
from metal.cluster.swarm.view import Node, View
from metal.errors import ClusterError
from metal.plan.join import Role
from metal.settings.credentials import Credentials
from metal.site import Site
from metal.waiting import Run
from tests.unit.small_fleet import small_fleet


def node(name: str, **changes: object) -> Node:
    found = Node(
        id=f"id-{name}",
        name=name,
        role=Role.MANAGER,
        voter=True,
        reachable=True,
        leader=False,
        raft=f"{name}:2377",
        address=name,
        state="ready",
        availability="active",
        labels={},
        version=1,
        spec={},
    )
    return replace(found, **changes)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Wants n1 alone as manager of blue; n2 works there."""
    return Site.open(small_fleet(tmp_path), Credentials.from_config({}, {}), Run())


def waits(site: Site, *nodes: Node, asked: str = "n1") -> str | None:
    return before_demotion(site, "blue", View("swarm", nodes), host="n2", node="id-n2", asked=asked)


def test_a_demotion_waits_for_whoever_takes_over(site: Site) -> None:
    assert waits(site, node("n1"), node("n2")) is None
    assert "n1" in str(waits(site, node("n1", reachable=False), node("n2")))
    assert "n1" in str(waits(site, node("n1", state="down"), node("n2")))
    assert "another manager" in str(waits(site, node("n1"), node("n2"), asked="n2"))


def test_a_demotion_waits_until_a_new_leader_has_heard_of_the_node(site: Site) -> None:
    assert "present leader" in str(waits(site, node("n1"), node("n2", state="unknown")))
    assert waits(site, node("n1"), node("n2", state="down")) is None


def test_a_lost_manager_is_not_waited_for(site: Site) -> None:
    lost = replace(site.fleet.hosts["n1"], lost=True)
    fleet = replace(site.fleet, hosts={**site.fleet.hosts, "n1": lost})
    seen = View("swarm", (node("n2"),))
    assert missing_managers(site, "blue", seen, but="n2") == ("n1",)
    assert missing_managers(replace(site, fleet=fleet), "blue", seen, but="n2") == ()


def test_nobody_waits_for_a_manager_that_was_demoted_by_hand_and_that_the_run_leaves_so(site: Site) -> None:
    worker = node("n1", role=Role.WORKER, reachable=False)
    assert "n1" in str(waits(site, worker, node("n2"))), "its own link may come yet"
    settled = replace(site, _settled={"n1"})
    for seen in ((worker, node("n2")), (node("n2"),)):
        with pytest.raises(ClusterError, match="nothing in this run makes it a manager") as told:
            waits(settled, *seen)
        assert "pulumi refresh" in str(told.value)
    assert "n1" in str(waits(settled, node("n1", state="down"), node("n2"))), "one that is away comes back"
