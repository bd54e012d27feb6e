from __future__ import annotations

import pytest

from components.inputs import cluster_inputs
from metal.plan.quorum import membership
from providers.cluster_plan import ClusterPlanProvider
from providers.server import runtime
from tests.unit.providers.wire import arriving
from tests.unit.small_fleet import OWNER, document

LINK = ClusterPlanProvider()


def wanted(fleet):
    return arriving(
        {**cluster_inputs(fleet.clusters["blue"], OWNER), "membership": membership(fleet, "blue").to_dict()}
    )


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
