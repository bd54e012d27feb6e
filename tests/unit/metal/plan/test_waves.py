"""Waves as values, and what must hold for every fleet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metal.plan.verdict import Wait
from metal.plan.waves import Go, Group, Place, Stop, decide_place, place_of, plan_waves
from tests.unit.small_fleet import document, small_fleet

VOTERS = Group("managers and Consul servers of blue", 1)

POOLS = st.dictionaries(st.sampled_from("abcd"), st.integers(1, 4), min_size=1)


@st.composite
def racks(draw: st.DrawFn) -> tuple[Place, ...]:
    pools = {name: Group(f"pool {name}", limit) for name, limit in draw(POOLS).items()}
    homes = draw(st.lists(st.tuples(st.sampled_from(sorted(pools)), st.booleans()), min_size=1, max_size=14))
    return tuple(
        Place(f"n{rank}", rank, pools[pool], VOTERS if voter else None) for rank, (pool, voter) in enumerate(homes)
    )


@pytest.mark.demand("U57")
@given(racks(), st.data())
def test_waves_cover_all_and_keep_every_limit(places: tuple[Place, ...], data: st.DataObject) -> None:
    first = data.draw(st.sets(st.sampled_from([place.host for place in places])))
    waves = plan_waves(places, first=first)
    assert sorted(host for wave in waves for host in wave) == sorted(place.host for place in places)
    by_name = {place.host: place for place in places}
    for wave in waves:
        for group in {group for host in wave for group in by_name[host].groups}:
            assert sum(group in by_name[host].groups for host in wave) <= group.limit
    assert waves == plan_waves(reversed(places), first=first), "the order does not depend on who asks first"
    assert all(waves)


@given(racks(), st.data())
def test_a_run_goes_on_with_the_host_that_failed(places: tuple[Place, ...], data: st.DataObject) -> None:
    failed = data.draw(st.sampled_from(places))
    assert failed.host in plan_waves(places, first=[failed.host])[0]


@pytest.mark.demand("U57")
@given(racks(), st.data())
def test_whoever_asks_when_the_limits_hold(places: tuple[Place, ...], data: st.DataObject) -> None:
    """Hosts come and finish in any order; nobody is let in past a limit, and all get through."""
    held: dict[str, Place] = {}
    left = {place.host: place for place in places}
    while left or held:
        coming = [
            place
            for place in left.values()
            if isinstance(
                decide_place(place, held=held, waiting=left, away=(), stopped={}, failed={}),
                Go,
            )
        ]
        assert coming or held, "nobody may begin and nobody is being changed"
        if coming and (not held or data.draw(st.booleans())):
            place = data.draw(st.sampled_from(coming))
            held[place.host] = left.pop(place.host)
        else:
            del held[data.draw(st.sampled_from(sorted(held)))]
        for group in {group for place in held.values() for group in place.groups}:
            assert sum(group in place.groups for place in held.values()) <= group.limit


WEB = Group("pool web", 2)
N4, N5, N6 = (Place(f"n{i}", i, WEB) for i in (4, 5, 6))


def ask(place: Place, **changes: object) -> Go | Wait | Stop:
    known: dict[str, object] = {"held": {}, "waiting": {}, "away": (), "stopped": {}, "failed": {}, **changes}
    return decide_place(place, **known)  # type: ignore[arg-type]


def test_a_host_that_is_away_takes_a_place_and_never_its_own() -> None:
    assert ask(N4, away={"n4", "n5"}) == Go()
    assert ask(N4, away={"n5", "n6"}) == Wait("pool web: at most 2 at once; n5, n6 is away")
    both = Wait("pool web: at most 2 at once; n5 is being changed; n6 is away")
    assert ask(N4, held={"n5": N5}, away={"n5", "n6"}) == both


def test_a_wave_stops_at_the_host_whose_change_failed() -> None:
    assert ask(N6, held={"n4": N4}, stopped={"n4": "no answer"}) == Stop("n4", "no answer")
    assert ask(N4, held={"n4": N4}, stopped={"n4": "no answer"}) == Go(), "it goes on with itself"
    other = Place("m1", 1, Group("pool core", 1))
    assert ask(other, held={"n4": N4}, stopped={"n4": "no answer"}) == Go(), "another pool's wave goes on"


def test_what_failed_elsewhere_stops_a_wave_only_where_the_host_is_away() -> None:
    assert ask(N4, failed={"n5": "its BMC is silent"}) == Go()
    assert ask(N4, away={"n5"}, failed={"n5": "its engine is dead"}) == Stop("n5", "its engine is dead")


def test_those_who_wait_go_in_their_order() -> None:
    assert ask(N6, waiting={"n4": N4, "n6": N6}) == Wait("n4 comes first")
    assert ask(N6, waiting={"n4": N4}, held={"n5": N5}) == Wait("n4 comes first")
    manager = Place("m1", 0, Group("pool core", 1), VOTERS)
    assert ask(N6, waiting={"m1": manager}) == Go()


def test_places_come_from_the_settings(tmp_path) -> None:
    wanted = document()
    wanted["pools"]["core"] |= {"hosts": ["n2", "n1", "n5"], "max_unavailable": 2}
    fleet = small_fleet(tmp_path, wanted)
    core = Group("pool core", 2)
    assert place_of(fleet, "n1") == Place("n1", 0, core, VOTERS), "the manager first"
    assert place_of(fleet, "n2") == Place("n2", 1, core)
    assert place_of(fleet, "n3") == Place("n3", 3, Group("pool engines", 1))
    assert place_of(fleet, "n9") is None
