from __future__ import annotations

import pytest

from components.inputs import cluster_plan_inputs, cluster_plan_words
from providers.cluster_plan import ClusterPlanProvider
from providers.server import runtime
from tests.unit.providers.wire import arriving
from tests.unit.small_fleet import document

LINK = ClusterPlanProvider()


def wanted(fleet):
    cluster = fleet.clusters["blue"]
    return arriving({**cluster_plan_inputs(cluster, fleet), **cluster_plan_words(cluster, fleet)})


@pytest.fixture
def lines(monkeypatch, told):
    shown: list[str] = []
    monkeypatch.setattr(runtime, "_teller", lambda urn, line: shown.append(line) or True)
    return shown


def test_a_plan_is_a_value(fleet, lines) -> None:
    inputs = wanted(fleet)
    assert LINK.check({}, inputs).failures == []
    assert "blue: n1 joins as manager" in lines
    made = LINK.create(inputs)
    assert made.id == "shop/prod/blue/plan"
    outs = arriving(made.outs)
    assert not LINK.diff(made.id, outs, inputs).changes
    assert LINK.read(made.id, outs).outs == outs
    LINK.delete(made.id, outs)


def test_a_plan_keeps_no_pool_so_that_renaming_one_changes_nothing(fleet, lines) -> None:
    inputs = wanted(fleet)
    assert list(inputs["pools"]) == ["core"]
    assert "core" not in str(LINK.check({}, inputs).inputs)


def test_the_same_plan_says_nothing(fleet, lines) -> None:
    assert LINK.check(wanted(fleet), wanted(fleet)).failures == []
    assert lines == []


def test_a_worker_more_is_shown_and_an_update(fleet, begin, lines) -> None:
    before = wanted(fleet)
    more = document()
    more["pools"]["core"]["hosts"].append("n5")
    after = wanted(begin(more))
    assert LINK.check(before, after).failures == []
    assert lines == ["blue: n5 joins as worker"]
    found = LINK.diff("x", arriving(LINK.create(before).outs), after)
    assert (found.changes, found.replaces) == (True, [])


def test_what_a_swarm_keeps_for_life_is_refused_at_preview(fleet, begin, lines) -> None:
    before = wanted(fleet)
    other = document()
    other["clusters"]["blue"]["swarm"]["address_pool"] = "172.31.0.0/16"
    (failure,) = LINK.check(before, wanted(begin(other))).failures
    assert failure.property == "", "the engine shows the value of a named property, which nobody can read"
    assert "172.31.0.0/16" in failure.reason


def test_the_last_manager_cannot_be_swapped_for_another_in_one_step(fleet, begin, lines) -> None:
    before = wanted(fleet)
    other = document()
    other["clusters"]["blue"]["managers"] = ["n2"]
    assert LINK.check(before, wanted(begin(other))).failures


@pytest.mark.demand("U57")
def test_what_rolls_over_the_hosts_is_shown_in_waves(fleet, begin, lines) -> None:
    def plan(changed):
        return wanted(begin(changed))

    before = plan(document())
    more = document()
    more["docker"]["daemon"] = {"mtu": 1400}
    more["docker"]["version"] = "26.*"
    more["pools"]["core"]["reboot"] = "k2"
    more["consul"]["version"] = "1.16.0"
    after = plan(more)
    assert LINK.check(before, after).failures == []
    assert lines == [
        "blue: engine restarts (version: 20.10.24* to 26.*; daemon.json: mtu), drained, in waves: n1; n2",
        "blue: Consul agent restarts (1.15.4 to 1.16.0), drained, in waves: n1; n2",
        "blue: reboots (k2), drained, in waves: n1; n2",
    ]
    lines.clear()
    LINK.check(after, after)
    assert lines == []
    found = LINK.diff("x", arriving(LINK.create(before).outs), after)
    assert (found.changes, found.replaces) == (True, [])
    # A stack of before: nothing is known to compare with, and nothing is replaced.
    old = {key: value for key, value in before.items() if key != "rolling"}
    LINK.check(old, after)
    assert lines == []
    found = LINK.diff("x", arriving(LINK.create(old).outs), after)
    assert (found.changes, found.replaces) == (True, [])
