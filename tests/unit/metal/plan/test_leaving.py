import pytest

from metal.plan.leaving import Leaving, is_dissolving, parting, wipes
from metal.settings.fleet import OnLeave


@pytest.mark.parametrize(
    ("why", "becomes"),
    [
        (Leaving.NEW_LIFE, OnLeave.KEEP),
        (Leaving.REMOVED, OnLeave.REINSTALL),
        (Leaving.DESTROYED, OnLeave.OFF),
    ],
)
def test_a_host_with_a_life_ahead_is_left_as_it_is(why, becomes):
    assert parting(why, on_leave=OnLeave.REINSTALL, on_destroy=OnLeave.OFF) is becomes


@pytest.mark.parametrize(
    ("why", "on_leave", "new_home", "expected"),
    [
        (Leaving.NEW_LIFE, OnLeave.REINSTALL, "green", True),
        (Leaving.NEW_LIFE, OnLeave.REINSTALL, "blue", False),
        (Leaving.NEW_LIFE, OnLeave.KEEP, "green", False),
        (Leaving.REMOVED, OnLeave.REINSTALL, None, False),
        (Leaving.DESTROYED, OnLeave.REINSTALL, "green", False),
    ],
)
def test_only_a_move_out_of_a_pool_that_says_so_wipes(why, on_leave, new_home, expected):
    assert wipes(why, on_leave=on_leave, home="blue", new_home=new_home) is expected


def test_a_cluster_dissolves_when_the_stack_or_the_cluster_goes():
    assert is_dissolving(Leaving.DESTROYED, cluster_wanted=True)
    assert is_dissolving(Leaving.NEW_LIFE, cluster_wanted=False)
    assert not is_dissolving(Leaving.REMOVED, cluster_wanted=True)
