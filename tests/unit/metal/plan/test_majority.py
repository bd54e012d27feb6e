import pytest

from metal.plan.majority import majority, may_remove, may_restart, tolerance


@pytest.mark.parametrize(
    ("members", "needed", "may_fail"), [(1, 1, 0), (2, 2, 0), (3, 2, 1), (5, 3, 2), (7, 4, 3), (9, 5, 4)]
)
def test_the_table_of_the_swarm_administration_guide(members: int, needed: int, may_fail: int) -> None:
    assert majority(members) == needed
    assert tolerance(members) == may_fail


@pytest.mark.parametrize(
    ("members", "alive", "removing", "allowed"),
    [
        ("abc", "abc", "a", True),
        ("abc", "bc", "a", True),
        ("abc", "abc", "ab", True),
        ("abc", "abc", "abc", False),
        ("abc", "ab", "a", False),
        ("a", "a", "a", False),
        ("ab", "a", "b", False),  # nobody can commit the removal of the dead one any more
        ("abc", "a", "bc", False),  # likewise, though who is left would be a majority of itself
        ("abcde", "abc", "de", True),
        ("abcde", "abc", "dea", True),
        ("abcde", "abc", "ab", False),
        ("abc", "", "x", True),
        ("abc", "abc", "", True),
    ],
)
def test_may_remove(members: str, alive: str, removing: str, allowed: bool) -> None:
    assert may_remove(members, alive, removing) is allowed


@pytest.mark.parametrize(
    ("members", "alive", "allowed"),
    [
        ("a", "a", True),  # alone there is no other way
        ("ab", "ab", True),
        ("abc", "abc", True),
        ("abc", "ab", False),
        ("abc", "bc", True),  # it is away already: nothing is lost
        ("abcde", "abcd", True),
        ("abcde", "abc", False),
    ],
)
def test_a_voter_restarts_only_while_the_others_are_a_majority(members: str, alive: str, allowed: bool) -> None:
    assert may_restart(members, alive, "a") is allowed
