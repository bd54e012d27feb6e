"""When the place of a reinstalled host is taken, and when it is free again."""

from __future__ import annotations

import pytest

from metal.errors import Cancelled, HostError, HostFault
from providers import process, waves
from providers.link import Link
from providers.manager_node import ManagerNodeProvider
from providers.swarm_node import SwarmNodeProvider
from tests.unit.providers.wire import arriving
from tests.unit.small_fleet import OWNER, document


class Taken(Link):
    def act(self, props, before):
        if props.get("bad"):
            raise HostError("no answer", fault=HostFault.TIMEOUT, host=props["host"])
        return {}

    def undo(self, props):
        if props.get("bad"):
            raise HostError("stuck", fault=HostFault.TIMEOUT, host=props["host"])

    def identity(self, props):
        return "x"


class ManagerNodeLike(Taken):
    """Called as the engine's last link is."""

    def _link(self):
        return "ManagerNode"


@pytest.fixture
def taken(monkeypatch, fleet):
    """A process in which the program has asked for n1 and n2, and no swarm is dialled."""
    monkeypatch.setattr(waves, "_begun", set())
    monkeypatch.setattr("metal.cluster.place.LivingManagers.open", lambda self, swarm: nothing())
    for host in ("n1", "n2"):
        process.remember("host", host)
    return process.site(OWNER).places


def nothing():
    from contextlib import nullcontext

    return nullcontext(None)


def props(host, **more):
    return arriving({"host": host, "owner": OWNER, "cluster": "blue", **more})


def test_a_new_life_holds_its_place_from_the_first_link_that_goes_to_the_last_that_stands(taken) -> None:
    Taken().delete("x", props("n1"))
    assert taken.holds("n1")
    Taken().delete("x", props("n1"))
    assert taken.acts("n1") == 1, "one place for the whole chain"
    Taken().create(props("n1"))
    assert taken.holds("n1")
    ManagerNodeLike().create(props("n1"))
    assert not taken.holds("n1")


def test_a_host_that_moves_or_goes_takes_no_place(taken, begin) -> None:
    Taken().delete("x", props("n2", cluster="green"))
    assert not taken.holds("n2")
    Taken().delete("x", arriving({"host": "n2", "owner": OWNER}))
    assert not taken.holds("n2"), "a link that names no home, of a host that was free"
    Taken().delete("x", props("n3"))
    assert not taken.holds("n3"), "it left the program"


@pytest.mark.parametrize("link", [Taken().create, lambda given: Taken().delete("x", given)])
def test_a_failure_stops_the_waves_that_the_host_is_in(taken, link, monkeypatch) -> None:
    monkeypatch.setattr("providers.link.stalls.stuck", lambda *args, **kw: None)
    Taken().delete("x", props("n1"))
    with pytest.raises(HostError):
        link(props("n1", bad=True))
    assert taken.has_stopped("n1")
    assert taken.failures() == {"n1"}


def test_a_failed_barrier_stops_the_chains_of_its_cluster(taken) -> None:
    Taken().delete("x", props("n1"))
    waves.note_failure({"owner": OWNER, "cluster": "green"}, HostError("no leader", fault=HostFault.TIMEOUT))
    assert not taken.has_stopped("n1")
    waves.note_failure({"owner": OWNER, "cluster": "blue"}, HostError("no leader", fault=HostFault.TIMEOUT))
    assert taken.has_stopped("n1")


def test_an_interrupt_is_nobodys_failure(taken) -> None:
    Taken().delete("x", props("n1"))
    waves.note_failure(props("n1"), Cancelled("cancelled"))
    assert not taken.failures()


def test_the_last_link_of_each_kind_of_host(begin) -> None:
    fleet = begin()
    assert waves.last_link(fleet, fleet.hosts["n2"]) == ManagerNodeProvider().__class__.__name__.removesuffix(
        "Provider"
    )
    assert waves.last_link(fleet, fleet.hosts["n3"]) == "DockerEngine"
    assert waves.last_link(fleet, fleet.hosts["n4"]) == "Power"
    plain = document()
    plain["clusters"]["blue"]["manager"] = {"driver": "none"}
    fleet = begin(plain)
    assert waves.last_link(fleet, fleet.hosts["n2"]) == SwarmNodeProvider()._link()
