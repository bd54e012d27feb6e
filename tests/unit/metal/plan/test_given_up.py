"""The only voter of a cluster that stays, given up with what it holds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from metal.plan.join import BirthRecord, Initialise, JoinSight, LeaveThenJoin, LocalState, Role, decide_join
from metal.plan.leave import LeaveAct, LeaveSight, ListedNode, plan_leave
from metal.plan.override import gives_up
from metal.plan.verdict import Refuse, Wait


@pytest.mark.parametrize(
    ("overrides", "wanted", "host", "given_up"),
    [
        (["last"], ["n1"], "n1", True),
        ([], ["n1"], "n1", False),
        (["tolerance"], ["n1"], "n1", False),
        (["last"], ["n1", "n2", "n3"], "n1", False),
        (["last"], ["n2"], "n1", False),
    ],
)
def test_only_the_only_voter_is_given_up_and_only_by_name(overrides, wanted, host, given_up) -> None:
    assert gives_up(overrides, wanted, host) is given_up


SOLE = LeaveSight(
    dead=False,
    dissolving=False,
    state=LocalState.ACTIVE,
    node_id="a",
    in_cluster=True,
    listed=(ListedNode("a", Role.MANAGER, down=False, drained=False),),
    managers=("a",),
    reachable=("a",),
)


def test_the_last_manager_leaves_by_force_only_where_it_is_given_up() -> None:
    assert isinstance(plan_leave(SOLE), Wait)
    (step,) = plan_leave(replace(SOLE, give_up=True))
    assert step.act is LeaveAct.LEAVE
    assert plan_leave(replace(SOLE, give_up=True, state=LocalState.INACTIVE, listed=(), in_cluster=False)) == ()


def test_one_of_two_managers_hands_over_all_the_same() -> None:
    both = replace(SOLE, give_up=True, managers=("a", "b"), reachable=("a", "b"))
    acts = [step.act for step in plan_leave(both)]
    assert [act for act in acts if act in (LeaveAct.DEMOTE, LeaveAct.LEAVE)] == [LeaveAct.DEMOTE, LeaveAct.LEAVE]


WORKER = JoinSight(
    host="n2",
    wanted=Role.WORKER,
    wanted_managers=("n1",),
    state=LocalState.ACTIVE,
    cluster_id="OLD",
    node_id="b",
    role=Role.WORKER,
    record=BirthRecord("n1", "NEW"),
    managers=("a2",),
    reachable=("a2",),
)


def test_a_worker_leaves_the_swarm_that_was_given_up_and_no_other() -> None:
    assert isinstance(decide_join(WORKER), Refuse)
    assert isinstance(decide_join(replace(WORKER, former="OTHER")), Refuse)
    assert isinstance(decide_join(replace(WORKER, former="OLD")), LeaveThenJoin)
    assert isinstance(decide_join(replace(WORKER, former="OLD", managers=(), reachable=())), Wait)


def test_the_new_life_of_the_only_manager_gives_birth_again() -> None:
    fresh = replace(WORKER, host="n1", wanted=Role.MANAGER, state=LocalState.INACTIVE, cluster_id=None, node_id=None)
    assert isinstance(decide_join(replace(fresh, record=None)), Initialise)
