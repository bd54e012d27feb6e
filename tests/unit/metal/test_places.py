"""Places taken and given back by threads at once: never more of a pool than its limit, and all of them get through."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from metal.errors import Cancelled, ClusterError
from metal.places import Places, WaveStopped
from metal.plan.waves import Group, Place
from metal.waiting import Pending, Run, wait_until

WEB = Group("pool web", 2)
HOSTS = [Place(f"n{i}", i, WEB) for i in range(8)]


def take(places: Places, place: Place, run: Run) -> None:
    def late(what: str, seen: str) -> ClusterError:
        return ClusterError(what, seen=seen)

    with places.waiting(place):
        wait_until("its place", lambda: places.take(place), deadline=run.deadline(60), fail=late, interval=0.01)


@pytest.mark.demand("U57")
def test_threads_share_the_places_of_a_pool() -> None:
    places, run, guard = Places(), Run(), threading.Lock()
    inside: set[str] = set()
    most: list[int] = []

    def change(place: Place) -> None:
        take(places, place, run)
        with guard:
            inside.add(place.host)
            most.append(len(inside))
        run.pause(0.02)
        with guard:
            inside.discard(place.host)
        places.done(place.host)

    with ThreadPoolExecutor(len(HOSTS)) as threads:
        list(threads.map(change, HOSTS))
    assert max(most) == 2
    assert len(most) == len(HOSTS)
    assert not any(places.holds(place.host) for place in HOSTS)


def test_two_acts_on_one_host_share_its_place() -> None:
    places = Places()
    first, *others = HOSTS[:3]
    assert places.take(first) is True
    assert places.take(first) is True
    assert places.acts(first.host) == 2
    places.done(first.host)
    assert places.take(others[0]) is True
    assert isinstance(places.take(others[1]), Pending), "the other act still holds it"
    places.done(first.host)
    assert places.take(others[1]) is True


def test_a_failed_host_keeps_its_place_and_those_who_wait_are_told() -> None:
    places = Places()
    bad, next_ = HOSTS[:2]
    places.stop("n9", "was never disrupted")
    places.take(bad)
    places.stop(bad.host, "its engine does not start")
    places.done(bad.host)
    with pytest.raises(WaveStopped, match="pool web stopped at n0") as stopped:
        places.take(next_)
    assert "its engine does not start" in str(stopped.value)
    other = Place("m1", 9, Group("pool core", 1))
    assert places.take(other) is True


def test_an_interrupt_ends_the_wait() -> None:
    places, run = Places(), Run()
    for place in HOSTS[:2]:
        places.take(place)
    threading.Timer(0.2, run.cancel.set).start()
    with pytest.raises(Cancelled):
        take(places, HOSTS[2], run)
    places.done("n0")
    assert places.take(HOSTS[3]) is True, "who was interrupted waits no more"


def test_what_is_under_way_on_a_host_is_known() -> None:
    places = Places()
    with places.under_way("n1"), places.under_way("n1"):
        assert places.is_under_way("n1")
    assert not places.is_under_way("n1")
