from __future__ import annotations

from dataclasses import replace

import pytest

from metal.cluster.consul.catalog import CatalogMember
from metal.cluster.docker.wish import EngineSeen
from metal.cluster.swarm.view import Node
from metal.errors import BmcError, BmcFault, SettingsError
from metal.host.wish import ReadyReport, ReadySeen
from metal.plan.join import Role
from metal.settings.fleet import PowerWish
from metal.survey.judge import NOT_ASKED, consul_word, engine_word, power_word, ready_word, swarm_word
from metal.survey.view import Word
from tests.unit.small_fleet import small_fleet

MEMBER = CatalogMember(
    "n1", "10.0.0.1", alive=True, voter=True, leader=True, registered=True, swarm_passing=True, listed=True
)
NODE = Node(
    "id1", "n1", Role.MANAGER, voter=True, reachable=True, leader=True, raft="10.0.0.1:2377", address="10.0.0.1",
    state="ready", availability="active", labels={}, version=1, spec={},
)  # fmt: skip
REPORT = ReadyReport("k", "m1", "debian-12", "debian", "6.1", "x86_64", 2, 1024, None, None, 1, "g1")


@pytest.fixture
def hosts(tmp_path):
    return small_fleet(tmp_path, None, n3={"bmc": "none"}).hosts


def test_power(hosts) -> None:
    assert power_word(hosts["n1"], "on") == Word("on", True)
    assert power_word(hosts["n1"], "off") == Word("off", False)
    assert power_word(hosts["n4"], "off") == Word("off", True)
    assert power_word(hosts["n4"], "on") == Word("on", False)
    late = BmcError("time-out", fault=BmcFault.TIMEOUT, seen="nothing", next_step="look at it")
    assert power_word(hosts["n1"], None, late) == Word("no answer", False, "time-out (nothing)", "look at it")
    secret = SettingsError(["metalswarm:bmc-x: is missing"], next_step="set it")
    assert power_word(hosts["n1"], None, secret) == Word("not asked", False, "metalswarm:bmc-x: is missing", "set it")
    assert power_word(hosts["n3"], None) == Word("no BMC", None)


def test_ready(hosts) -> None:
    assert ready_word(hosts["n1"], ReadySeen(REPORT, "ready")) == Word("ready", True, "debian-12")
    assert ready_word(hosts["n1"], ReadySeen(None, "unreachable", "no answer")) == Word(
        "unreachable", False, "no answer"
    )
    in_lines = ReadySeen(None, "refused", "another host key\n  next: compare it")
    assert ready_word(hosts["n1"], in_lines).detail == "another host key next: compare it"
    assert ready_word(hosts["n1"], None) == NOT_ASKED
    assert hosts["n4"].power is PowerWish.OFF
    assert ready_word(hosts["n4"], ReadySeen(REPORT, "ready")) == NOT_ASKED


@pytest.mark.parametrize(
    ("seen", "where_wanted", "where_not"),
    [
        (EngineSeen(True, True, "20.10.24"), Word("20.10.24", True), Word("20.10.24", False)),
        (EngineSeen(True, True), Word("silent", False), Word("silent", False)),
        (EngineSeen(True, False), Word("stopped", False), NOT_ASKED),
        (EngineSeen(False, False), Word("none", False), NOT_ASKED),
        (None, Word("no answer", False, "why"), NOT_ASKED),
    ],
)
def test_engine(hosts, seen, where_wanted, where_not) -> None:
    assert engine_word(hosts["n1"], seen, "why") == where_wanted
    assert engine_word(hosts["n4"], seen, "why") == where_not


@pytest.mark.parametrize(
    ("host", "member", "why", "word"),
    [
        ("n1", MEMBER, "", Word("leader", True)),
        ("n1", replace(MEMBER, leader=False), "", Word("server", True)),
        ("n2", replace(MEMBER, leader=False, voter=False), "", Word("client", True)),
        ("n2", MEMBER, "", Word("leader, wanted as client", False, "its agent is leader, wanted client")),
        (
            "n1",
            replace(MEMBER, leader=False, voter=False),
            "",
            Word("client, wanted as server", False, "its agent is client, wanted server"),
        ),
        ("n1", replace(MEMBER, swarm_passing=False), "", Word("leader, node not passing", False)),
        ("n1", replace(MEMBER, alive=False, leader=False), "", Word("server, failed", False)),
        ("n1", None, "", Word("absent", False)),
        ("n1", None, "no server answers", Word("no answer", False, "no server answers")),
        ("n3", MEMBER, "", NOT_ASKED),
    ],
)
def test_consul(hosts, host, member, why, word) -> None:
    assert consul_word(hosts[host], member, why) == word


@pytest.mark.parametrize(
    ("host", "node", "why", "word"),
    [
        ("n1", NODE, "", Word("leader", True, "node id1")),
        ("n1", replace(NODE, leader=False), "", Word("manager", True, "node id1")),
        ("n2", replace(NODE, leader=False, role=Role.WORKER, reachable=False), "", Word("worker", True, "node id1")),
        (
            "n2",
            replace(NODE, leader=False),
            "",
            Word("manager, wanted as worker", False, "its node id1 is manager, wanted worker"),
        ),
        (
            "n1",
            replace(NODE, leader=False, reachable=False),
            "",
            Word("manager, unreachable", False, "its node id1 is not reached as a manager by the leader"),
        ),
        (
            "n1",
            replace(NODE, state="down"),
            "",
            Word("leader, down, active", False, "its node id1 is down and active, wanted ready and active"),
        ),
        (
            "n1",
            replace(NODE, availability="drain"),
            "",
            Word("leader, ready, drain", False, "its node id1 is ready and drain, wanted ready and active"),
        ),
        ("n1", None, "", Word("absent", False)),
        ("n1", None, "no manager answers", Word("no answer", False, "no manager answers")),
        ("n3", NODE, "", NOT_ASKED),
    ],
)
def test_swarm(hosts, host, node, why, word) -> None:
    assert swarm_word(hosts[host], node, why) == word
