from dataclasses import replace

from metal.cluster.stackengine.driver import RingNode, Running
from metal.cluster.stackengine.plan import (
    RingSight,
    Start,
    decide_seed,
    is_outlived,
    missing_registrations,
    removal_waits_for,
)
from metal.plan.verdict import Refuse, Wait

FRESH = RingSight("n1", "10.0.0.1", True, None, {}, frozenset())
LIVING = {"n2": "10.0.0.2", "n3": "10.0.0.3"}
RING = frozenset(("n1", "n2", "n3"))


def node(name, *, admin=True, active=True, address=None):
    return RingNode(name, address or f"10.0.0.{name[1:]}", admin, active, "n1")


def test_the_first_ring_member_founds_and_the_next_registers():
    assert decide_seed(FRESH) == Start(None, "there is no ring yet")
    assert decide_seed(replace(FRESH, living=LIVING)) == Start("10.0.0.2", "registers with n2")


def test_no_second_ring_while_members_of_the_first_are_recorded():
    assert isinstance(decide_seed(replace(FRESH, recorded=RING)), Wait)
    assert isinstance(decide_seed(replace(FRESH, recorded=frozenset(("n2",)))), Wait)


def test_a_founder_that_was_interrupted_founds_again():
    assert decide_seed(replace(FRESH, recorded=frozenset(("n1",)))).seed is None


def test_a_founder_stays_without_a_seed_and_a_reinstalled_one_registers():
    founder = Running(True, None, "10.0.0.1", True)
    sight = replace(FRESH, running=founder, living=LIVING, recorded=RING)
    assert decide_seed(sight) == Start(None, "founded the ring")
    assert decide_seed(replace(sight, running=None)).seed == "10.0.0.2"
    assert decide_seed(replace(sight, recorded=frozenset(("n2", "n3")))).seed == "10.0.0.2"


def test_a_seed_that_lives_is_kept_and_a_dead_one_replaced():
    joined = Running(True, "10.0.0.3", "10.0.0.1", True)
    sight = replace(FRESH, running=joined, living=LIVING, recorded=RING)
    assert decide_seed(sight).seed == "10.0.0.3"
    assert decide_seed(replace(sight, living={"n2": "10.0.0.2"})).seed == "10.0.0.2"


def test_a_ring_that_was_switched_off_as_a_whole_comes_back():
    joined = Running(True, "10.0.0.3", "10.0.0.1", True)
    assert decide_seed(replace(FRESH, running=joined, recorded=RING)).seed == "10.0.0.3"


def test_a_new_role_or_address_asks_for_a_seed_anew():
    member = Running(False, "10.0.0.3", "10.0.0.1", True)
    assert decide_seed(replace(FRESH, running=member, living=LIVING)).seed == "10.0.0.2"
    moved = Running(True, "10.0.0.3", "10.0.0.9", True)
    assert decide_seed(replace(FRESH, running=moved, living=LIVING)).seed == "10.0.0.2"


def test_members_never_found_and_spread_over_the_ring():
    member = replace(FRESH, admin=False)
    assert decide_seed(member) == Wait("no ring member answers yet")
    seeds = {decide_seed(replace(member, host=f"w{number}", living=LIVING)).seed for number in range(20)}
    assert seeds == set(LIVING.values())


def test_nobody_registers_with_one_that_is_to_step_down():
    for admin in (True, False):
        sights = [
            replace(FRESH, host=f"w{number}", admin=admin, living=LIVING, leaving=frozenset(("n2",)))
            for number in range(20)
        ]
        assert {decide_seed(sight).seed for sight in sights} == {"10.0.0.3"}
        last = [replace(sight, leaving=frozenset(LIVING)) for sight in sights]
        assert {decide_seed(sight).seed for sight in last} <= set(LIVING.values()), "better than none"


def test_both_directions_are_checked():
    own = (node("n1"), node("n2"), node("n4", admin=False))
    ring = {"n1": own, "n2": own}
    assert missing_registrations("n4", admin=False, address="10.0.0.4", own=own, ring=ring) == []
    blind = {"n1": own, "n2": (node("n1"), node("n2"))}
    assert missing_registrations("n4", admin=False, address="10.0.0.4", own=own, ring=blind) == ["n2 does not know n4"]
    deaf = (node("n1"), node("n4", admin=False))
    assert missing_registrations("n4", admin=False, address="10.0.0.4", own=deaf, ring=ring) == ["n4 does not see n2"]


def test_an_old_role_an_old_address_and_silence_are_not_registered():
    own = (node("n4", admin=False),)

    def seen(old):
        ring = {"n1": (node("n1"), old)}
        known = (*own, node("n1"))
        return missing_registrations("n4", admin=False, address="10.0.0.4", own=known, ring=ring)

    assert seen(node("n4", admin=True)) == ["n1 has n4 as admin at 10.0.0.4"]
    assert seen(node("n4", admin=False, address="10.0.0.9")) == ["n1 has n4 as member at 10.0.0.9"]
    assert seen(node("n4", admin=False, active=False)) == ["n1 calls n4 inactive"]


def test_a_ring_member_goes_after_its_successor_came():
    wanted = frozenset(("n2", "n3"))
    waits = removal_waits_for("n1", admin=True, wanted=wanted, nodes=(node("n1"), node("n2")))
    assert waits == Wait("n3 must be active in the ring first")
    quiet = (node("n2"), node("n3", active=False))
    assert isinstance(removal_waits_for("n1", admin=True, wanted=wanted, nodes=quiet), Wait)
    assert removal_waits_for("n1", admin=True, wanted=wanted, nodes=(node("n2"), node("n3"))) is None


def test_the_last_ring_member_stays_and_plain_nodes_are_free_to_go():
    last = removal_waits_for("n1", admin=True, wanted=frozenset(("n1",)), nodes=(node("n1"),))
    assert isinstance(last, Refuse)
    assert removal_waits_for("n4", admin=False, wanted=frozenset(("n1",)), nodes=()) is None


def test_what_a_node_knows_of_a_ring_that_took_it_out_is_cleared():
    before = Running(True, "10.0.0.3", "10.0.0.1", True)
    without = {"n2": (node("n2"), node("n3")), "n3": (node("n2"), node("n3"))}
    assert is_outlived("n1", before, without, recorded=("n2", "n3"))
    assert not is_outlived("n1", before, without, recorded=RING), "a member that was never removed"
    assert not is_outlived("n1", before, {"n2": (node("n1"), node("n2"))}, recorded=("n2", "n3"))
    assert not is_outlived("n1", before, {}, recorded=("n2", "n3")), "nobody answers"
    assert not is_outlived("n1", replace(before, has_data=False), without, recorded=())
    assert not is_outlived("n1", None, without, recorded=())
