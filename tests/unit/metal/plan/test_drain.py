"""What keeps a drained node from leaving, from tasks as the managers list them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from metal.plan.drain import Stuck, Task, left_on, not_elsewhere, stuck_policy
from metal.plan.placement import Place, Service
from metal.settings.fleet import OnStuck
from tests.unit.small_fleet import document, small_fleet

WEB = Service("s", "web", 2, ("node.labels.tier==web",))
HERE = Place("a", "n4", "n4", "worker", False, labels={"tier": "web"})
THERE = Place("b", "n5", "n5", "worker", True, labels={"tier": "web"})
ELSEWHERE = replace(THERE, labels={})
OLD = Task("t1", "s", 1, "a", "shutdown", "shutdown", "2026-01-01T00:00:01.0")
NO_PLACE = "no suitable node (scheduling constraints not satisfied on 2 nodes)"
PENDING = Task("t2", "s", 1, "", "pending", "running", "2026-01-01T00:00:02.0", NO_PLACE)


def test_what_still_holds_something_is_named_with_its_service() -> None:
    tasks = [replace(OLD, state="running"), OLD, replace(OLD, service="gone", id="t9", state="preparing")]
    assert left_on(tasks, "a", {"s": "web"}) == (Stuck("t9 (preparing)"), Stuck("web (running)"))
    assert left_on(tasks, "b", {"s": "web"}) == ()


@pytest.mark.parametrize(
    ("tasks", "stuck"),
    [
        ([OLD], False),  # nobody wants that replica any more
        ([OLD, PENDING], True),
        ([OLD, replace(PENDING, node="b", state="running")], False),
        ([OLD, replace(PENDING, node="b", state="preparing")], True),
        ([OLD, replace(PENDING, node="b", state="rejected", wanted="shutdown"), replace(PENDING, created="3")], True),
        # It has been at work elsewhere since: what is wrong with it now has nothing to do with this node.
        ([OLD, replace(PENDING, node="b", state="failed", wanted="shutdown"), replace(PENDING, created="3")], False),
        ([replace(OLD, node="b"), PENDING], False),
        ([replace(OLD, slot=0), replace(PENDING, slot=0)], False),  # a global service follows the nodes
    ],
)
def test_a_replica_that_left_and_is_not_at_work_elsewhere(tasks: list[Task], stuck: bool) -> None:
    assert bool(not_elsewhere(tasks, [WEB], [HERE, THERE], "a")) is stuck


def test_the_words_carry_the_schedulers_reason_and_whether_any_place_is_left() -> None:
    second = [replace(task, slot=2, id=f"{task.id}b") for task in (OLD, PENDING)]
    words = f"web: 2 of 2 replicas run nowhere else (pending: {NO_PLACE})"
    assert not_elsewhere([OLD, PENDING, *second], [WEB], [HERE, ELSEWHERE], "a") == (Stuck(words, homeless=True),)
    assert not_elsewhere([OLD, PENDING, *second], [WEB], [HERE, THERE], "a") == (Stuck(words),)
    jobs = replace(WEB, replicas=None)
    assert not_elsewhere([OLD, PENDING], [jobs], [HERE], "a") == ()


@pytest.mark.parametrize(
    ("own", "pool", "cluster", "remembered", "policy"),
    [
        (None, "force", "blue", "wait", "force"),  # it stays in the cluster: what its pool says now
        (None, "force", "green", "stop", "stop"),  # it has moved: what its pool said then
        ("wait", "force", "blue", "force", "wait"),
        ("stop", "force", "green", "force", "stop"),
    ],
)
def test_whose_word_counts(
    tmp_path: Path, own: str | None, pool: str, cluster: str, remembered: str, policy: str
) -> None:
    wanted = document()
    wanted["pools"]["core"]["on_stuck"] = pool
    if own:
        wanted["hosts"] = {"n1": {"on_stuck": own}}
    facts = small_fleet(tmp_path, wanted).facts("n1")
    assert stuck_policy(facts, cluster, OnStuck(remembered)) is OnStuck(policy)


def test_a_host_in_no_pool_has_its_own_word_or_its_past(tmp_path: Path) -> None:
    wanted = document()
    fleet = small_fleet(tmp_path, wanted)
    assert stuck_policy(fleet.facts("n5"), "blue", OnStuck.STOP) is OnStuck.STOP
    wanted["hosts"] = {"n5": {"on_stuck": "force"}}
    assert stuck_policy(small_fleet(tmp_path, wanted).facts("n5"), "blue", OnStuck.STOP) is OnStuck.FORCE
    assert stuck_policy(None, "blue", OnStuck.FORCE) is OnStuck.FORCE
