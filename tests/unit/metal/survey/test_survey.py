"""Answers of the living system put together host by host; the asking itself needs a lab."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from metal.cluster.consul.catalog import CatalogMember
from metal.cluster.stackengine import RingNode
from metal.cluster.swarm.labels import HOST_LABEL
from metal.cluster.swarm.view import Node
from metal.errors import BmcError, BmcFault, Cancelled, HostError, HostFault, SettingsError
from metal.plan.join import Role
from metal.survey.survey import _Answer, _ClusterAnswers, _host_survey, _strangers, _try
from metal.survey.view import LAYERS, Word
from tests.unit.small_fleet import document, small_fleet


def node(name: str, id_: str, state: str = "ready") -> Node:
    return Node(
        id_, name, Role.WORKER, voter=False, reachable=False, leader=False, raft="", address="", state=state,
        availability="active", labels={}, version=1, spec={},
    )  # fmt: skip


def member(name: str) -> CatalogMember:
    return CatalogMember(name, "", True, False, False, True, True, True)


def test_an_error_is_an_answer_and_an_interrupt_is_not() -> None:
    def fail(error: Exception):
        def ask() -> None:
            raise error

        return ask

    assert _try(lambda: 1).value == 1
    assert _try(fail(HostError("no answer", fault=HostFault.TIMEOUT, seen="reset"))).why == "no answer (reset)"
    with pytest.raises(Cancelled):
        _try(fail(Cancelled("cancelled")))


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (BmcError("x", fault=BmcFault.TIMEOUT), "no answer"),
        (BmcError("x", fault=BmcFault.TIMEOUT, code=0xC0), "busy"),
        (BmcError("x", fault=BmcFault.UNREACHABLE), "no answer"),
        (BmcError("x", fault=BmcFault.AUTH), "no login"),
        (BmcError("x", fault=BmcFault.NO_SLOT), "no login"),
        (BmcError("x", fault=BmcFault.CERTIFICATE), "other certificate"),
        (BmcError("x", fault=BmcFault.PROTOCOL), "error"),
        (SettingsError(["metalswarm:bmc-x is missing"]), "not asked"),
    ],
)
def test_no_answer_is_said_of_a_bmc_that_gave_none_and_of_no_other(tmp_path, error, state) -> None:
    host = small_fleet(tmp_path).hosts["n2"]
    error.seen, error.next_step = "status 0x0f", "set the\n  secret"

    def refuse() -> str:
        raise error

    found = _host_survey(host, _try(refuse), None, _Answer(), _ClusterAnswers()).power
    assert (found.state, found.good, found.cure) == (state, False, "set the secret")
    assert found.detail == ("metalswarm:bmc-x is missing" if state == "not asked" else "x (status 0x0f)")
    assert found.to_dict()["cure"] == "set the secret"


def test_a_host_on_hold_is_shown_and_never_counted_against_the_fleet(tmp_path) -> None:
    wanted = document()
    wanted["hosts"] = {"n2": {"hold": "RMA"}}
    host = small_fleet(tmp_path, wanted).hosts["n2"]
    down = _ClusterAnswers(_Answer({}), _Answer((node("n2", "id", "down"),)), _Answer({}))
    found = _host_survey(host, _Answer(None, "on hold: RMA"), None, _Answer(None, "on hold"), down)
    assert found.power == Word("on hold", None, "RMA")
    assert found.swarm.state == "worker, down, active"
    assert [getattr(found, layer).good for layer in LAYERS] == [None] * len(LAYERS)
    assert found.good


def test_the_living_life_of_a_host_is_the_one_that_counts(tmp_path) -> None:
    host = small_fleet(tmp_path).hosts["n2"]
    lives = (node("n2", "old", "down"), node("n2", "new"))
    answers = _ClusterAnswers(_Answer({"n2": member("n2")}), _Answer(lives), _Answer())
    found = _host_survey(host, _Answer("on"), None, _Answer(None, "x"), answers)
    assert found.swarm == Word("worker", True, "node new")
    assert found.consul == Word("client", True)


def test_who_is_not_in_the_settings_is_named_in_order(tmp_path) -> None:
    site = SimpleNamespace(fleet=small_fleet(tmp_path))
    answers = _ClusterAnswers(
        _Answer({name: member(name) for name in ("n9", "n1", "n5")}),
        _Answer((node("n1", "a"), node("n2", "b"), node("n2", "c", "down"), node("n9", "d"), node("", "e", "unknown"))),
        _Answer({"n7": RingNode("n7", "10.0.0.7", admin=False, active=True, registered_with="n1")}),
    )
    assert _strangers(site, "blue", answers) == [
        "swarm blue: n9 (node d, ready) is not in the settings",
        "swarm blue: a node without a name (e, unknown) is not in the settings",
        "swarm blue: n2 has an earlier life left (node c, down)",
        "Consul blue: n5 is in the inventory and in no pool of the settings",
        "Consul blue: n9 is not in the settings",
        "controller blue: n7 is not in the settings",
    ]


def test_who_is_in_another_pool_of_the_settings_is_named_with_it(tmp_path) -> None:
    wanted = document()
    wanted["clusters"]["green"] = {**wanted["clusters"]["blue"], "managers": ["n3"]}
    wanted["pools"]["engines"] = {"cluster": "green", "hosts": ["n3"]}
    site = SimpleNamespace(fleet=small_fleet(tmp_path, wanted))
    renamed = replace(node("left-over.example.net", "d"), labels={HOST_LABEL: "n3"})
    answers = _ClusterAnswers(
        _Answer({name: member(name) for name in ("n1", "n4")}),
        _Answer((node("n1", "a"), node("n4", "c", "down"), renamed)),
        _Answer({"n3": RingNode("n3", "10.0.0.3", admin=False, active=True, registered_with="n1")}),
    )
    assert _strangers(site, "blue", answers) == [
        "swarm blue: n4 (node c, down) is in the pool spare of the settings (free)",
        "swarm blue: left-over.example.net (node d, ready) is in the pool engines of the settings (swarm green)",
        "Consul blue: n4 is in the pool spare of the settings (free)",
        "controller blue: n3 is in the pool engines of the settings (swarm green)",
    ]
