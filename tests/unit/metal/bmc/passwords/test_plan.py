from __future__ import annotations

from dataclasses import replace

import pytest

from metal.bmc.passwords.plan import begun, candidates, concluded, next_login, profile_now, standing, tried_so_far
from metal.plan.verdict import Refuse

CUT = begun("10.9.0.1 port 623", "a", "b", "")
DONE = concluded("10.9.0.1 port 623", "a", "b", "")


@pytest.mark.parametrize(
    ("change", "named", "now"),
    [
        (None, "a", "a"),
        (DONE, "a", "b"),  # the settings lag behind
        (DONE, "b", "b"),
        (DONE, "c", "c"),  # they were changed to something else
        (CUT, "a", None),
        (CUT, "b", None),
        (CUT, "c", None),
    ],
)
def test_the_profile_that_a_login_takes(change, named, now):
    assert profile_now(change, named) == now
    assert candidates(change, named) == (("a", "b") if now is None else (now,))


@pytest.mark.parametrize(
    ("tried", "refused", "kept", "following"),
    [
        ((), (), False, "b"),
        (("b",), ("b",), False, "a"),
        (("b",), (), False, "a"),  # no answer was heard: it counts as a wrong one
        (("b",), (), True, "b"),  # the BMC has said that it keeps this one
        (("b",), ("b",), True, "a"),  # it was not true
        (("b", "b"), (), True, None),
        (("b", "a"), ("b", "a"), False, None),
        (("a",), ("a",), False, "b"),
    ],
)
def test_what_is_tried_next(tried, refused, kept, following):
    change = replace(CUT, tried=tried, refused=refused, kept=kept)
    step = next_login(change, "a", "b")
    assert (None if isinstance(step, Refuse) else step) == following


def test_where_the_settings_say_it_all_nothing_is_kept():
    assert concluded("", "b", "b", "") is None
    assert next_login(None, "a", "b") == "a"
    assert isinstance(next_login(CUT, "a", "c"), Refuse)


def test_a_standing_in_words():
    assert standing("n1", "a", None).settled
    assert standing("n1", "a", DONE).todo == "name b as bmc.credentials in the inventory"
    cut = standing("n1", "a", CUT)
    assert cut.works == ("a", "b")
    assert cut.todo == "cut short: metalswarm bmc password n1 --to b"


@pytest.mark.parametrize(
    ("tried", "refused", "todo", "seen"),
    [
        ((), (), "cut short: metalswarm bmc password n1 --to b", "no login was tried"),
        (("b",), (), "cut short: metalswarm bmc password n1 --to b", "that of 'b' got no answer that was heard"),
        (
            ("b", "a"),
            ("b",),
            "cut short, 2 logins without a yes: metalswarm bmc password n1 --to b --again",
            "that of 'b' was refused; that of 'a' got no answer that was heard",
        ),
    ],
)
def test_a_change_that_was_cut_short_says_what_was_tried_and_when_it_takes_again(tried, refused, todo, seen):
    change = replace(CUT, tried=tried, refused=refused)
    assert standing("n1", "a", change).todo == todo
    assert seen in tried_so_far(change)
    assert ("no login was tried" in tried_so_far(change)) == (not tried)
