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
    assert "blue: 1. n1 joins as manager (1 voter, 1 needed, none may fail)" in lines
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


@pytest.fixture
def three(begin):
    def three(override=(), **hosts):
        more = document()
        more["clusters"]["blue"] |= {"managers": ["n1", "n2", "n5"], "override": list(override)}
        more["pools"]["core"]["hosts"] = ["n1", "n2", "n5"]
        return begin(more | ({"hosts": hosts} if hosts else {}))

    return three


def plan_inputs(fleet):
    return arriving(cluster_plan_inputs(fleet.clusters["blue"], fleet))


@pytest.mark.demand("U43")
def test_an_override_lets_its_rule_pass_and_says_so(three, lines, told) -> None:
    before = plan_inputs(three())
    both = {"n2": {"generation": 2}, "n5": {"generation": 2}}
    (swarm, consul) = LINK.check(before, plan_inputs(three(**both))).failures
    assert "2 of 3 Swarm managers would go or be reinstalled in one update (n2, n5)" in swarm.reason
    assert "2 of 3 Consul servers" in consul.reason

    after = plan_inputs(three(["tolerance"], **both))
    assert LINK.check(before, after).failures == []
    assert told.warnings[-2].startswith("blue: tolerance overridden: 2 of 3 Swarm managers would go")
    # Named in the diff by its own key, when it comes and when it goes.
    made = arriving(LINK.create(before).outs)
    assert after["override"] == ["tolerance"]
    assert LINK.diff("x", made, {**before, "override": ["tolerance"]}).changes
    waived = arriving(LINK.create(after).outs)
    assert LINK.diff("x", waived, plan_inputs(three(**both))).changes


def test_an_override_that_waives_nothing_is_named(three, lines, told) -> None:
    inputs = plan_inputs(three(["last", "identity", "needed"]))
    assert LINK.check(inputs, inputs).failures == []
    assert told.warnings == ["blue: override last waives nothing of this change; take it out of clusters.blue.override"]


def test_a_plan_without_overrides_has_no_key_for_them(fleet) -> None:
    assert "override" not in plan_inputs(fleet)


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
