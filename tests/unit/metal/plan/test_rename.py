from __future__ import annotations

from metal.plan.quorum import Birth, Member, Membership, Rule, refusals
from metal.plan.rename import refuse_renamed_move, rename_refusals, renamed_in, under_new_names
from metal.plan.summary import summarise

BIRTH = Birth("10.0.0.0/8", 24, 4789, None, "dc1")


def cluster(*managers: str, workers: tuple[str, ...] = ()) -> Membership:
    members = {name: Member("10.0.0.1", 1, True, True, False, False) for name in managers}
    members |= {name: Member("10.0.0.2", 1, False, False, False, False) for name in workers}
    return Membership("blue", BIRTH, members)


def test_a_renamed_worker_neither_leaves_nor_joins() -> None:
    old, new = cluster("n1", workers=("n5",)), cluster("n1", workers=("n6",))
    assert summarise(old, new) == ("n6 joins as worker", "n5 leaves")
    renamed = renamed_in(old, new, {"n6": "n5"})
    assert renamed == {"n6": "n5"}
    assert summarise(under_new_names(old, renamed), new) == ()
    assert rename_refusals(under_new_names(old, renamed), renamed) == ()


def test_a_rename_that_was_carried_out_is_none_any_more() -> None:
    now = cluster("n1", workers=("n6",))
    assert renamed_in(now, now, {"n6": "n5"}) == {}
    assert renamed_in(None, now, {"n6": "n5"}) == {}


def test_a_voter_is_known_by_its_name() -> None:
    old, new = cluster("n1", "n2", "n3"), cluster("n1", "n2", "n6")
    renamed = renamed_in(old, new, {"n6": "n3"})
    before = under_new_names(old, renamed)
    assert refusals(before, new) == ()
    (refused,) = rename_refusals(before, renamed)
    assert (refused.rule, refused.reason[:14]) == (Rule.IDENTITY, "n3 becomes n6 ")


def test_another_name_and_another_life_are_two_updates() -> None:
    was = {"host": "n5", "life": "g1", "home": "blue"}
    assert refuse_renamed_move({}, was) is None
    assert refuse_renamed_move(was, {**was, "life": "g2"}) is None
    assert refuse_renamed_move(was, {**was, "host": "n6"}) is None
    for change in ({"life": "g2"}, {"home": "green"}):
        refused = refuse_renamed_move(was, {**was, "host": "n6", **change})
        assert refused
        assert refused.reason.startswith("n5 becomes n6")
