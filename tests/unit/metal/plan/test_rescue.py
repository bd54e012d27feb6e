"""What brings a lost quorum back, and what must not be touched."""

from __future__ import annotations

from dataclasses import replace

import pytest

from metal.plan.rescue import Recovery, RescueSight, Voter, decide_recovery
from metal.plan.verdict import Refuse

ALIVE = Voter("n1", manager=True, server=True, answers=True, power="on", raft=100, consul=True)
DEAD = replace(ALIVE, answers=False, power="off", raft=None, consul=False)


def named(voter: Voter, *names: str) -> tuple[Voter, ...]:
    return tuple(replace(voter, host=name) for name in names)


def sight(*voters: Voter, swarm: tuple[str, ...] = (), consul: bool = False) -> RescueSight:
    return RescueSight(voters, swarm, consul)


def test_two_of_three_are_dead() -> None:
    found = decide_recovery(sight(ALIVE, *named(DEAD, "n2", "n3")))
    assert found == Recovery((), ("n2", "n3"), ("n1",), "n1", (), "n1")
    assert found.lines() == (
        "given up for good, with what only they hold: n2, n3",
        "the whole of Consul from now on: n1",
        "the only manager of the swarm from now on: n1",
    )


def test_of_five_the_youngest_raft_log_goes_on_and_the_other_joins_it() -> None:
    older, younger = ALIVE, replace(ALIVE, host="n2", raft=200)
    lost = named(DEAD, "n3", "n4", "n5")
    found = decide_recovery(sight(older, younger, *lost))
    assert found == Recovery((), ("n3", "n4", "n5"), ("n1", "n2"), "n2", ("n1",), "n2")
    chosen = decide_recovery(sight(older, younger, *lost), founder="n1")
    assert isinstance(chosen, Recovery)
    assert (chosen.founder, chosen.rejoin) == ("n1", ("n2",))
    refused = decide_recovery(sight(older, younger, *lost), founder="n3")
    assert isinstance(refused, Refuse)
    assert refused.reason == "n3 is no manager that is left"


def test_one_that_is_on_and_silent_is_switched_off_first() -> None:
    found = decide_recovery(sight(ALIVE, *named(replace(DEAD, power="on"), "n2"), *named(DEAD, "n3")))
    assert isinstance(found, Recovery)
    assert found.fence == ("n2",)


def test_one_that_nothing_shows_to_be_off_must_be_named() -> None:
    seen = sight(ALIVE, *named(replace(DEAD, power=""), "n2", "n3"))
    refused = decide_recovery(seen, given_up=["n3"])
    assert isinstance(refused, Refuse)
    assert refused.reason.startswith("nothing shows that n2 is off")
    assert refused.next_step.endswith("--dead n2")
    assert isinstance(decide_recovery(seen, given_up=["n2", "n3"]), Recovery)


def test_only_the_half_that_lost_its_quorum_is_touched() -> None:
    found = decide_recovery(sight(ALIVE, *named(DEAD, "n2", "n3"), consul=True))
    assert isinstance(found, Recovery)
    assert (found.servers, found.founder) == ((), "n1")
    found = decide_recovery(sight(ALIVE, *named(DEAD, "n2", "n3"), swarm=("n1",)))
    assert isinstance(found, Recovery)
    assert (found.servers, found.founder) == (("n1",), None)


def test_a_manager_that_a_cut_short_recovery_left_behind_joins_again() -> None:
    found = decide_recovery(sight(ALIVE, *named(ALIVE, "n2"), *named(DEAD, "n3"), swarm=("n1",), consul=True))
    assert found == Recovery((), (), (), None, ("n2",), "n1")


@pytest.mark.parametrize(
    ("seen", "given_up", "reason"),
    [
        (sight(ALIVE, swarm=("n1",), consul=True), [], "Swarm and Consul both have their quorum"),
        (sight(ALIVE, *named(ALIVE, "n2"), *named(DEAD, "n3")), [], "a majority answers (n1, n2)"),
        (sight(*named(DEAD, "n1", "n2", "n3")), [], "of the Swarm managers none is left"),
        (sight(ALIVE, *named(DEAD, "n2", "n3")), ["n1"], "n1 answers over SSH"),
    ],
)
def test_what_is_refused(seen: RescueSight, given_up: list[str], reason: str) -> None:
    found = decide_recovery(seen, given_up=given_up)
    assert isinstance(found, Refuse)
    assert reason in found.reason
