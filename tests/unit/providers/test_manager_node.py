from __future__ import annotations

import pytest
from pulumi.output import Unknown

from components.inputs import manager_node_inputs
from metal.cluster.stackengine import ManagerNodeReport, ManagerNodeSeen, ManagerNodeWish
from metal.errors import PlanRefused
from providers.manager_node import ManagerNodeProvider
from tests.unit.providers.wire import arriving
from tests.unit.small_fleet import OWNER

LINK = ManagerNodeProvider()
UP = "n2/g1/ready/docker/blue/swarm/blue"


@pytest.fixture
def inputs(fleet):
    return arriving(manager_node_inputs(fleet.hosts["n2"], OWNER, fleet.clusters["blue"], UP, None))


@pytest.fixture
def born(act, inputs):
    act("metal.cluster.stackengine.ensure_manager_node", ManagerNodeReport("n2", "blue", False, "1.0.0"))
    return arriving(LINK.create(inputs).outs)


def test_what_was_made_is_what_is_read(act, fleet, inputs) -> None:
    ensure = act("metal.cluster.stackengine.ensure_manager_node", ManagerNodeReport("n2", "blue", False, "1.0.0"))
    made = LINK.create(inputs)
    assert made.id == f"{UP}/manager/stackengine"
    assert ensure.call_args.args[1] == ManagerNodeWish.of(fleet, "n2"), "the settings' own wish, through the wire"
    outs = arriving(made.outs)
    assert not LINK.diff(made.id, outs, inputs).changes
    act("metal.cluster.stackengine.observe_manager_node", ManagerNodeSeen("n2", True, "1.0.0", registered=True))
    assert LINK.read(made.id, outs).outs == outs


def test_a_node_that_the_ring_does_not_know_is_drift(act, inputs, born) -> None:
    act("metal.cluster.stackengine.observe_manager_node", ManagerNodeSeen("n2", True))
    found = LINK.diff("x", arriving(LINK.read("x", born).outs), inputs)
    assert (found.changes, found.replaces) == (True, [])


@pytest.mark.parametrize(
    ("change", "replaced"),
    [({"up": Unknown()}, ["up"]), ({"driver": "none"}, ["driver"]), ({"admin": True}, []), ({"key": "new"}, [])],
)
def test_what_is_a_new_node_and_what_an_update(inputs, born, change, replaced) -> None:
    found = LINK.diff("x", born, {**inputs, **change})
    assert (found.changes, found.replaces) == (True, replaced)


def test_it_is_deregistered_while_its_cluster_is_wanted(act, inputs, born) -> None:
    remove = act("metal.cluster.stackengine.remove_manager_node")
    LINK.check({}, inputs)
    LINK.delete("x", born)
    assert remove.call_args.kwargs == {"dissolving": False}


def test_the_first_link_to_go_asks_whether_services_need_the_node(act, inputs, born) -> None:
    remove = act("metal.cluster.stackengine.remove_manager_node")
    refuse = act("metal.cluster.swarm.refuse_needed_host", PlanRefused("services of blue may run on no other node"))
    LINK.check({}, {**inputs, "host": "n9"})
    with pytest.raises(PlanRefused):
        LINK.delete("x", born)
    assert refuse.call_args.args[1:] == ("blue", "n2")
    remove.assert_not_called()
