from hypothesis import given
from hypothesis import strategies as st

from metal.plan.consul import (
    Birth,
    JoinServers,
    Proceed,
    Resume,
    ServerSeen,
    StartSight,
    Voters,
    decide_join,
    decide_removal,
    decide_restart,
    decide_start,
)
from metal.plan.majority import majority
from metal.plan.verdict import Refuse, Wait

SERVERS = ("n1", "n2", "n3")


def start(*, own_formed=False, **others):
    seen = {name: ServerSeen(formed) for name, formed in others.items()}
    return decide_start(StartSight("n1", SERVERS, own_formed, seen))


def voters(healthy, ill=()):
    return Voters(frozenset(healthy) | frozenset(ill), frozenset(healthy))


def test_fresh_servers_are_born_together():
    assert start(n2=False, n3=False) == Birth(3, "no cluster was formed yet; 3 servers are wanted")


def test_servers_that_do_not_answer_yet_do_not_hold_up_a_birth():
    assert isinstance(start(), Birth)


def test_one_formed_server_is_enough_to_join_instead_of_bootstrapping():
    assert isinstance(start(n2=False, n3=True), JoinServers)


def test_a_word_about_oneself_counts_for_nothing():
    assert isinstance(start(n1=True), Birth)


def test_a_server_with_data_of_a_formed_cluster_never_bootstraps_and_never_queues():
    assert isinstance(start(own_formed=True), Resume)
    assert isinstance(start(own_formed=True, n2=True), Resume)


def test_a_new_server_waits_for_those_that_are_to_stay():
    wanted = frozenset(("n1", "n2", "n3", "n4"))
    assert isinstance(decide_join("n4", voters(SERVERS), wanted=wanted), Proceed)
    assert decide_join("n4", voters(("n1", "n2"), ill=("n3",)), wanted=wanted) == Wait("not healthy: n3")


def test_a_new_server_takes_the_place_of_a_dead_one_while_a_majority_holds():
    wanted = frozenset(("n1", "n2", "n4"))
    assert isinstance(decide_join("n4", voters(("n1", "n2"), ill=("n3",)), wanted=wanted), Proceed)
    alone = decide_join("n4", voters(("n1",), ill=("n2", "n3")), wanted=frozenset(("n1", "n4")))
    assert alone == Wait("not healthy: n2, n3; with it 2 would be healthy, 3 are needed")


def test_a_voter_restarts_only_while_the_others_have_a_majority():
    assert isinstance(decide_restart("n1", voters(SERVERS)), Proceed)
    assert isinstance(decide_restart("n1", voters(("n1", "n2"), ill=("n3",))), Wait)
    assert isinstance(decide_restart("n1", voters(("n1",))), Proceed)
    assert isinstance(decide_restart("n9", voters(("n1", "n2"), ill=("n3",))), Proceed)


def test_a_server_leaves_after_its_successor_votes():
    wanted = frozenset(("n2", "n3", "n4"))
    assert decide_removal("n1", voters(SERVERS), wanted=wanted, dead=False) == Wait("n4 must be a healthy voter first")
    assert isinstance(decide_removal("n1", voters((*SERVERS, "n4")), wanted=wanted, dead=False), Proceed)


def test_a_dead_server_is_not_waited_for_but_the_quorum_is():
    wanted = frozenset(("n2", "n3", "n4"))
    assert isinstance(decide_removal("n1", voters(("n2", "n3"), ill=("n1",)), wanted=wanted, dead=True), Proceed)
    lost = decide_removal("n1", voters(("n2",), ill=("n1", "n3")), wanted=wanted, dead=True)
    assert lost == Wait("1 of 3 servers are healthy; its removal would cost the quorum")


def test_the_last_server_of_a_cluster_that_stays_is_kept():
    assert isinstance(decide_removal("n1", voters(("n1",)), wanted=frozenset(), dead=False), Refuse)
    assert isinstance(decide_removal("n1", voters(("n1",)), wanted=frozenset(("n1",)), dead=False), Refuse)


names = st.sampled_from([f"n{number}" for number in range(1, 8)])


@given(st.frozensets(names, min_size=1), st.frozensets(names), names, st.frozensets(names), st.booleans())
def test_no_removal_that_may_proceed_leaves_less_than_a_majority(members, up, host, wanted, dead):
    healthy = members & up
    decision = decide_removal(host, Voters(members, healthy), wanted=wanted, dead=dead)
    if isinstance(decision, Proceed) and host in members:
        left = members - {host}
        assert len((healthy - {host}) & left) >= majority(len(left))


@given(st.frozensets(names, min_size=2), st.frozensets(names), names)
def test_no_restart_that_may_proceed_stops_the_raft(members, up, host):
    healthy = members & up
    if host in members and isinstance(decide_restart(host, Voters(members, healthy)), Proceed):
        assert len(healthy - {host}) >= majority(len(members))


def test_a_waived_quorum_waits_for_nobody_and_never_takes_the_last() -> None:
    voters = Voters(frozenset({"n1", "n2", "n3"}), frozenset({"n1", "n3"}))
    wanted = frozenset({"n1", "n2"})
    assert isinstance(decide_removal("n3", voters, wanted=wanted, dead=False), Wait)
    assert isinstance(decide_removal("n3", voters, wanted=wanted, dead=False, waived=True), Proceed)
    assert isinstance(decide_removal("n3", voters, wanted=frozenset(), dead=False, waived=True), Refuse)
