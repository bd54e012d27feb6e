from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pulumi.output import Unknown

from components.inputs import docker_engine_inputs
from metal.cluster.docker import EngineReport, EngineSeen
from providers.docker_engine import DockerEngineProvider
from providers.server import runtime
from tests.unit.providers.wire import arriving
from tests.unit.small_fleet import OWNER

LINK = DockerEngineProvider()
KEY = "ssh-ed25519 AAAA"
REPORT = EngineReport(
    version="20.10.24+dfsg1",
    package_version="20.10.24+dfsg1-1",
    certificate="c0ffee",
    not_after="2043-01-01T00:00:00+00:00",
    authority="beef",
    endpoint="tcp://10.0.0.1:2376",
    restarted=("package",),
)


@pytest.fixture
def inputs(fleet):
    return arriving(docker_engine_inputs(fleet.hosts["n1"], OWNER, fleet.docker, 1, "n1/g1/ready", KEY))


@pytest.fixture
def born(act, inputs):
    act("metal.cluster.docker.ensure_engine", REPORT)
    return arriving(LINK.create(inputs).outs)


def test_what_was_made_is_what_is_read(act, inputs) -> None:
    ensure = act("metal.cluster.docker.ensure_engine", REPORT)
    made = LINK.create(inputs)
    assert made.id == "n1/g1/ready/docker/blue"
    wish = ensure.call_args.args[1]
    assert (wish.authority, wish.ca, wish.version, wish.daemon) == ("blue", 1, "20.10.24*", {"mtu": 1450})
    assert type(wish.daemon["mtu"]) is int, "daemon.json knows no whole floats"
    assert wish.access.host_key == KEY
    outs = arriving(made.outs)
    assert not LINK.diff(made.id, outs, inputs).changes
    act("metal.cluster.docker.observe_engine", EngineSeen(True, True, REPORT.version, "active"))
    assert LINK.read(made.id, outs).outs == outs


def test_an_engine_without_a_cluster_has_an_id_too(act, fleet) -> None:
    act("metal.cluster.docker.ensure_engine", REPORT)
    inputs = docker_engine_inputs(fleet.hosts["n3"], OWNER, fleet.docker, 1, "n3/g0/ready", KEY)
    assert LINK.create(arriving(inputs)).id == "n3/g0/ready/docker/-"


def test_a_stopped_engine_is_drift_and_keeps_its_last_version(act, inputs, born) -> None:
    act("metal.cluster.docker.observe_engine", EngineSeen(True, False))
    seen = arriving(LINK.read("x", born).outs)
    assert (seen["running"], seen["engine_version"]) == (False, REPORT.version)
    found = LINK.diff("x", seen, inputs)
    assert (found.changes, found.replaces) == (True, [])


@pytest.mark.parametrize(
    ("change", "replaced"),
    [
        ({"authority": "green"}, ["authority"]),
        ({"up": Unknown()}, ["up"]),
        ({"ca": 2.0}, []),
        ({"version": "26.*"}, []),
        ({"daemon": {}}, []),
    ],
)
def test_another_cluster_is_another_engine_and_the_rest_an_update(inputs, born, change, replaced) -> None:
    found = LINK.diff("x", born, {**inputs, **change})
    assert (found.changes, found.replaces) == (True, replaced)


def test_what_is_left_of_a_wave_is_said_on_each_host(inputs, born, monkeypatch) -> None:
    lines: list[str] = []
    monkeypatch.setattr(runtime, "_teller", lambda urn, line: lines.append(line) or True)
    LINK.diff("x", born, {**inputs, "daemon": {"mtu": 1400}})
    assert lines == ["n1: drained in its wave: daemon"]
    LINK.diff("x", born, inputs)
    LINK.diff("x", born, {**inputs, "daemon": {}, "up": Unknown()})
    assert len(lines) == 1, "neither without a change nor where the whole host is made anew"
    alone = {"authority": ""}
    LINK.diff("x", {**born, **alone}, {**inputs, **alone, "daemon": {"mtu": 1400}})
    assert lines[1:] == ["n1: in no swarm, so changed without a drain: daemon"]


def test_a_lost_host_is_not_asked_to_stop_its_engine(act, begin, told, born) -> None:
    remove = act("metal.cluster.docker.remove_engine")
    LINK.delete("x", born)
    remove.assert_called_once()
    begin(None, n1={"lost": True})
    LINK.delete("x", born)
    remove.assert_called_once()
    assert told.warnings == ["n1: declared lost, so its engine is left as it is"]


def test_a_certificate_near_its_end_is_drift(act, inputs, born) -> None:
    near = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    seen = EngineSeen(True, True, REPORT.version, "active", REPORT.certificate, near)
    found = LINK.diff("x", arriving(LINK.read("x", act_reads(act, born, seen)).outs), inputs)
    assert (found.changes, found.replaces) == (True, [])
    far = (datetime.now(UTC) + timedelta(days=300)).isoformat()
    seen = EngineSeen(True, True, REPORT.version, "active", REPORT.certificate, far)
    assert not LINK.diff("x", arriving(LINK.read("x", act_reads(act, born, seen)).outs), inputs).changes


@pytest.mark.demand("U39")
def test_a_certificate_near_its_end_is_renewed_by_a_plain_up_too(inputs, born) -> None:
    near = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    found = LINK.diff("x", {**born, "not_after": near}, inputs)
    assert (found.changes, found.replaces) == (True, [])


def act_reads(act, born, seen):
    act("metal.cluster.docker.observe_engine", seen)
    return born


KEPT = EngineReport("24.0.7", "", "", "", "", "")


def test_a_kept_engine_is_no_drift_and_taking_it_over_is_an_update(act, inputs) -> None:
    kept = {**inputs, "keep": True}
    ensure = act("metal.cluster.docker.ensure_engine", KEPT)
    made = LINK.create(kept)
    assert ensure.call_args.args[1].keep is True
    outs = arriving(made.outs)
    assert not LINK.diff(made.id, outs, kept).changes
    act("metal.cluster.docker.observe_engine", EngineSeen(True, True, "24.0.7", "active"))
    assert LINK.read(made.id, outs).outs == outs
    found = LINK.diff(made.id, outs, inputs)
    assert (found.changes, found.replaces) == (True, [])
    taken = arriving(LINK.update(made.id, outs, inputs).outs)
    assert ensure.call_args.args[1].keep is False
    assert not LINK.diff(made.id, taken, inputs).changes


def test_a_stack_from_before_engines_could_be_kept_is_not_changed(inputs, born) -> None:
    assert "keep" not in inputs
    assert not LINK.diff("x", born, inputs).changes


def test_the_certificate_of_a_kept_engine_is_nobodys_to_renew(act, inputs, born) -> None:
    kept = {**inputs, "keep": True}
    outs = {**born, "keep": True, "renewal_due": True}
    assert not LINK.diff("x", outs, kept).changes
