from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pulumi.output import Unknown

from components.inputs import consul_member_inputs
from metal.cluster.consul import MemberReport, MemberSeen, MemberWish
from providers.consul_member import ConsulMemberProvider
from tests.unit.providers.wire import arriving
from tests.unit.small_fleet import document

LINK = ConsulMemberProvider()
REPORT = MemberReport("n2", "blue", "dc1", "11111111-2222-5333-8444-555555555555", False, "1.15.4")


@pytest.fixture
def inputs(fleet):
    return arriving(consul_member_inputs(fleet.hosts["n2"], fleet, fleet.clusters["blue"], "n2/g1/ready", None))


@pytest.fixture
def born(act, inputs):
    act("metal.cluster.consul.ensure_member", REPORT)
    return arriving(LINK.create(inputs).outs)


def test_what_was_made_is_what_is_read(act, fleet, inputs) -> None:
    ensure = act("metal.cluster.consul.ensure_member", REPORT)
    made = LINK.create(inputs)
    assert made.id == "n2/g1/ready/consul/blue"
    assert ensure.call_args.args[1] == MemberWish.of(fleet, "n2"), "the settings' own wish, through the wire"
    outs = arriving(made.outs)
    assert not LINK.diff(made.id, outs, inputs).changes
    act("metal.cluster.consul.observe_member", MemberSeen("n2", True, serf="passing", leader="10.0.0.1:8300"))
    assert LINK.read(made.id, outs).outs == outs


@pytest.mark.parametrize(("serf", "word"), [("critical", "critical"), (None, "absent")])
def test_a_member_that_is_not_seen_alive_is_drift(act, inputs, born, serf, word) -> None:
    act("metal.cluster.consul.observe_member", MemberSeen("n2", True, serf=serf))
    seen = arriving(LINK.read("x", born).outs)
    assert seen["membership"] == word
    assert LINK.diff("x", seen, inputs).changes
    assert LINK.diff("x", seen, inputs).replaces == []


@pytest.mark.parametrize("server", [True, False])
def test_a_member_that_is_what_nobody_asked_for_is_drift(act, inputs, born, server) -> None:
    assert inputs["server"] is False
    act("metal.cluster.consul.observe_member", MemberSeen("n2", True, serf="passing", server=server))
    seen = arriving(LINK.read("x", born).outs)
    assert seen["membership"] == ("a server without being asked to" if server else "passing")
    assert LINK.diff("x", seen, inputs).changes is server


def test_a_certificate_near_its_end_and_an_unfinished_rotation_ask_for_an_update(act, inputs, born) -> None:
    near, far = ((datetime.now(UTC) + timedelta(days=days)).isoformat() for days in (170, 700))
    act("metal.cluster.consul.observe_member", MemberSeen("n2", True, serf="passing", not_after=near))
    found = LINK.diff("x", arriving(LINK.read("x", born).outs), inputs)
    assert (found.changes, found.replaces) == (True, [])
    assert not LINK.diff("x", {**born, "not_after": far}, inputs).changes
    assert LINK.diff("x", {**born, "unfinished": "n3 cannot be reached"}, inputs).changes


def test_what_keeps_a_rotation_from_its_end_is_told_and_kept(act, inputs, told) -> None:
    act("metal.cluster.consul.ensure_member", replace(REPORT, unfinished="the old CA stays in use: n3"))
    assert LINK.create(inputs).outs["unfinished"] == "the old CA stays in use: n3"
    assert told.warnings == ["n2: the old CA stays in use: n3; the next `pulumi up` goes on with it"]


@pytest.mark.parametrize(
    ("change", "replaced"),
    [
        ({"cluster": "green"}, ["cluster"]),
        ({"datacenter": "dc2"}, ["datacenter"]),
        ({"up": Unknown()}, ["up"]),
        ({"server": True}, []),
        ({"servers": {"n1": "10.0.0.1", "n2": "10.0.0.2"}}, []),
        ({"identity": {"ca": 1.0, "gossip": 2.0, "acl": 1.0}}, []),
    ],
)
def test_what_is_a_new_membership_and_what_an_update(inputs, born, change, replaced) -> None:
    found = LINK.diff("x", born, {**inputs, **change})
    assert (found.changes, found.replaces) == (True, replaced)


def test_it_dissolves_with_its_cluster_or_its_stack_only(act, begin, inputs, born) -> None:
    remove = act("metal.cluster.consul.remove_member")
    LINK.delete("x", born)
    assert remove.call_args.kwargs["dissolving"], "no program asked for anything: a destroy"
    LINK.check({}, inputs)
    LINK.delete("x", born)
    assert not remove.call_args.kwargs["dissolving"]
    wanted = document()
    del wanted["clusters"], wanted["pools"]["core"], wanted["consul"]
    begin(wanted)
    LINK.check({}, {**inputs, "host": "n3"})
    LINK.delete("x", born)
    assert remove.call_args.kwargs["dissolving"]
    assert remove.call_args.args[1].servers == {"n1": "10.0.0.1"}
