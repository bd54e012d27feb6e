from __future__ import annotations

import pytest
from pulumi.output import Unknown

from components.inputs import swarm_node_inputs
from metal.cluster.swarm import NodeReport, NodeSeen
from metal.plan.join import Role
from providers import process
from providers.swarm_node import SwarmNodeProvider
from tests.unit.providers.wire import arriving
from tests.unit.small_fleet import OWNER, document

LINK = SwarmNodeProvider()
REPORT = NodeReport("swarm1", "node1", Role.MANAGER, "10.0.0.1", "tcp://10.0.0.1:2475")


@pytest.fixture
def inputs(fleet):
    ids = ("n1/g1/ready/docker/blue", "n1/g1/ready/consul/blue")
    return arriving(swarm_node_inputs(fleet.hosts["n1"], OWNER, fleet.clusters["blue"], *ids, "ssh-ed25519 AAAA"))


@pytest.fixture
def born(act, inputs):
    act("metal.cluster.swarm.ensure_node", REPORT)
    return arriving(LINK.create(inputs).outs)


def test_what_was_made_is_what_is_read(act, fleet, inputs) -> None:
    ensure = act("metal.cluster.swarm.ensure_node", REPORT)
    made = LINK.create(inputs)
    assert made.id == "n1/g1/ready/docker/blue/swarm/blue"
    wish = ensure.call_args.args[1]
    assert (wish.role, wish.swarm, wish.labels) == (Role.MANAGER, fleet.clusters["blue"].swarm, {})
    outs = arriving(made.outs)
    assert outs["node_id"] == "node1"
    assert not LINK.diff(made.id, outs, inputs).changes
    act("metal.cluster.swarm.observe_node", NodeSeen("active", "node1", "swarm1", Role.MANAGER, "ready", "active"))
    assert LINK.read(made.id, outs).outs == outs


def test_a_node_left_drained_by_a_removal_that_was_given_up_is_drift(act, inputs, born) -> None:
    seen = NodeSeen("active", "node1", "swarm1", Role.MANAGER, "ready", "drain", {"metalswarm.drained": "active"})
    act("metal.cluster.swarm.observe_node", seen)
    outs = arriving(LINK.read("x", born).outs)
    assert LINK.diff("x", outs, inputs).changes


def test_a_role_that_was_changed_by_hand_is_drift(act, inputs, born) -> None:
    act("metal.cluster.swarm.observe_node", NodeSeen("active", "node1", "swarm1", Role.WORKER, "ready", "active"))
    outs = arriving(LINK.read("x", born).outs)
    assert outs["membership"] == "worker without being asked to"
    found = LINK.diff("x", outs, inputs)
    assert (found.changes, found.replaces) == (True, [])


@pytest.mark.parametrize(
    "seen", [NodeSeen("inactive", None, None, None), NodeSeen("active", "node2", "swarm1", Role.WORKER)]
)
def test_a_node_that_left_or_is_another_is_drift(act, inputs, born, seen) -> None:
    act("metal.cluster.swarm.observe_node", seen)
    outs = arriving(LINK.read("x", born).outs)
    assert outs["membership"] == f"not a member: {seen.local}"
    found = LINK.diff("x", outs, inputs)
    assert (found.changes, found.replaces) == (True, [])


@pytest.mark.parametrize(
    ("change", "replaced"),
    [
        ({"cluster": "green"}, ["cluster"]),
        ({"up": Unknown(), "consul": Unknown()}, ["consul", "up"]),
        ({"role": "worker"}, []),
        ({"labels": {"tier": "web"}}, []),
        ({"host_key": Unknown()}, None),
    ],
)
def test_what_is_a_new_membership_and_what_an_update(inputs, born, change, replaced) -> None:
    found = LINK.diff("x", born, {**inputs, **change})
    assert found.changes is (replaced is not None)
    assert found.replaces == (replaced or [])


def test_it_leaves_in_order_while_its_cluster_is_wanted(act, begin, inputs, born) -> None:
    remove = act("metal.cluster.swarm.ensure_left")
    LINK.delete("x", born)
    assert remove.call_args.kwargs == {"dissolving": True, "dead": False, "give_up": False, "others": False}
    begin(None, n1={"lost": True})
    LINK.check({}, inputs)
    LINK.delete("x", born)
    assert remove.call_args.kwargs == {"dissolving": False, "dead": True, "give_up": False, "others": False}


@pytest.mark.parametrize("more", [{"keep": True}, {"availability": "drain"}])
def test_what_is_left_out_at_its_default_is_seen_when_it_goes(act, inputs, more) -> None:
    ensure = act("metal.cluster.swarm.ensure_node", REPORT)
    outs = arriving(LINK.create({**inputs, **more}).outs)
    wish = ensure.call_args.args[1]
    assert (wish.keep, wish.availability) == (more.get("keep", False), more.get("availability", "active"))
    assert not LINK.diff("x", outs, {**inputs, **more}).changes
    found = LINK.diff("x", outs, inputs)
    assert (found.changes, found.replaces) == (True, [])
    again = arriving(LINK.update("x", outs, inputs).outs)
    assert not LINK.diff("x", again, inputs).changes


def test_what_its_pool_says_of_a_stuck_drain_is_known_when_it_leaves(act, begin, inputs, born) -> None:
    assert "on_stuck" not in inputs, "unsaid, it is no input: an upgrade changes nothing"
    said = {**inputs, "on_stuck": "force"}
    assert (LINK.diff("x", born, said).changes, LINK.diff("x", born, said).replaces) == (True, [])
    outs = arriving(LINK.update("x", born, said).outs)
    assert LINK.diff("x", outs, inputs).changes, "said no more, it must not stay behind"
    remove = act("metal.cluster.swarm.ensure_left")
    LINK.delete("x", outs)
    assert remove.call_args.args[1].on_stuck == "force"


def test_the_swarm_of_before_is_left_only_where_the_only_manager_is_reborn(act, inputs, born) -> None:
    ensure = act("metal.cluster.swarm.ensure_node", REPORT)
    LINK.update("x", born, inputs)
    assert ensure.call_args.args[1].former is None
    assert not LINK.diff("x", born, inputs).changes
    reborn = {**inputs, "reborn": "n1/g2"}
    assert LINK.diff("x", born, reborn).changes
    assert LINK.diff("x", born, reborn).replaces == []
    LINK.update("x", born, reborn)
    assert ensure.call_args.args[1].former == born["swarm_id"]


def test_the_only_manager_is_given_up_by_name_and_in_a_new_life_only(act, begin, inputs, born) -> None:
    wanted = document()
    wanted["clusters"]["blue"]["override"] = ["last"]
    begin(wanted)
    remove = act("metal.cluster.swarm.ensure_left")
    LINK.check({}, {**inputs, "host": "n2"})
    LINK.delete("x", {**born, "host": "n1"})
    assert remove.call_args.kwargs["give_up"] is False, "it leaves the program"
    LINK.check({}, {**inputs, "host": "n1"})
    LINK.delete("x", {**born, "host": "n1"})
    assert remove.call_args.kwargs["give_up"] is True


def test_where_nothing_is_to_be_changed_nobody_waits_for_a_change(fleet, inputs, born) -> None:
    LINK.diff("x", born, {**inputs, "role": "worker"})
    assert not process.site(OWNER).is_settled("n1")
    LINK.diff("x", born, inputs)
    assert process.site(OWNER).is_settled("n1")
