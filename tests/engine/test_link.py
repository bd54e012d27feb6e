"""The shape that all resources share, on the real engine: lives, holds, and why a link is taken down."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.engine

PARTS = """
import json, os
from pathlib import Path
from pulumi.dynamic import Resource
from metal.errors import ClusterError
from providers import process
from providers.link import Link

LOG = Path(os.environ["LINK_LOG"])


def note(**what):
    with LOG.open("a") as out:
        out.write(json.dumps(what) + "\\n")


class BaseLink(Link):
    def _hold(self, props):
        return ""

    def _forbid(self, seen):
        pass

    def identity(self, props):
        return f"{props['host']}/{props['life']}/{type(self).__name__}"

    def act(self, props, before):
        note(act=type(self).__name__, host=props["host"], life=props["life"], size=props["size"])
        if f"{type(self).__name__} {props['host']} {props['size']}" == os.environ.get("LINK_FAILS"):
            raise ClusterError("half of it is done", host=props["host"])
        return {"made": props["life"]}

    def undo(self, props):
        note(undo=type(self).__name__, host=props["host"], why=process.leaving(props["host"]).name)


class FirstLink(BaseLink):
    replaces = ("life",)


class NextLink(BaseLink):
    evicts = True


class First(Resource, module="probe", name="First"):
    def __init__(self, name, props, opts=None):
        super().__init__(FirstLink(), name, {**props, "made": None}, opts)


class Next(Resource, module="probe", name="Next"):
    def __init__(self, name, props, opts=None):
        super().__init__(NextLink(), name, {**props, "made": None}, opts)
"""

PROGRAM = """
import pulumi
from parts import First, Next

for name, host in pulumi.Config().require_object("hosts").items():
    inputs = {"host": name, "owner": "probe/dev", "life": host["life"], "size": host["size"]}
    inputs["hold"] = host.get("hold", "")
    first = First(name, dict(inputs))
    if host.get("next", True):
        Next(name, {**inputs, "up": first.id})
"""


@pytest.fixture
def chain(project, tmp_path):
    project.environment["LINK_LOG"] = str(tmp_path / "log")
    project.create(PROGRAM, modules={"parts.py": PARTS})

    def up(hosts, **kw):
        project.config({"hosts": json.dumps(hosts)})
        (tmp_path / "log").write_text("")
        outcome = project.up(**kw)
        return outcome, [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]

    def preview(hosts):
        project.config({"hosts": json.dumps(hosts)})
        return project.preview()

    project.log = tmp_path / "log"
    project.preview_with = preview
    project.up_with = up
    return project


HOST = {"life": "g1", "size": 1}


def test_a_life_a_change_a_removal_and_a_destroy(chain):
    outcome, done = chain.up_with({"a": HOST, "b": HOST, "c": HOST})
    outcome.expect()
    assert len(done) == 6

    outcome, done = chain.up_with({"a": HOST, "b": HOST, "c": HOST})
    assert (outcome.expect().changes, done) == ({"same": 7}, [])

    outcome, done = chain.up_with({"a": {**HOST, "size": 2}, "b": HOST, "c": HOST})
    outcome.expect()
    assert [(entry["act"], entry["host"]) for entry in done] == [("FirstLink", "a"), ("NextLink", "a")]

    # A new life takes the chain down from its end and builds it again; a removed host is told that it is one.
    outcome, done = chain.up_with({"a": {"life": "g2", "size": 2}, "b": HOST})
    outcome.expect()
    of_a = [entry for entry in done if entry["host"] == "a"]
    assert [entry.get("undo") or entry.get("act") for entry in of_a] == [
        "NextLink",
        "FirstLink",
        "FirstLink",
        "NextLink",
    ]
    assert {entry["why"] for entry in of_a if "undo" in entry} == {"NEW_LIFE"}
    assert [(entry["undo"], entry["why"]) for entry in done if entry["host"] == "c"] == [
        ("NextLink", "REMOVED"),
        ("FirstLink", "REMOVED"),
    ]

    # A link that is not wanted any more goes before the one under it is replaced.
    outcome, done = chain.up_with({"a": {"life": "g2-off", "size": 2, "next": False}, "b": HOST})
    outcome.expect()
    assert [(entry.get("undo"), entry.get("act")) for entry in done] == [
        ("NextLink", None),
        ("FirstLink", None),
        (None, "FirstLink"),
    ]
    assert done[0]["why"] == "NEW_LIFE"

    chain.log.write_text("")
    chain.destroy().expect()
    done = [json.loads(line) for line in chain.log.read_text().splitlines()]
    assert {entry["why"] for entry in done} == {"DESTROYED"}
    assert chain.resources() == {} or set(chain.resources()) <= {"probe-dev"}


def test_a_destroy_that_runs_the_program_is_still_a_destroy(chain):
    chain.up_with({"a": HOST})[0].expect()
    chain.log.write_text("")
    chain.destroy("--run-program").expect()
    done = [json.loads(line) for line in chain.log.read_text().splitlines()]
    assert {entry["why"] for entry in done} == {"DESTROYED"}


def test_a_host_on_hold_changes_nothing_until_the_hold_is_lifted(chain):
    chain.up_with({"a": HOST})[0].expect()
    held = {"life": "g2", "size": 3, "hold": "RMA 4711"}
    outcome, done = chain.up_with({"a": held, "b": {**HOST, "hold": "not racked yet"}})
    outcome.expect()
    assert done == [], "neither the host with a life nor the new one is touched"
    assert chain.refresh().expect().changes.get("update", 0) == 0

    outcome, done = chain.up_with({"a": {"life": "g2", "size": 3}, "b": HOST})
    outcome.expect()
    assert [entry.get("undo") or entry.get("act") for entry in done if entry["host"] == "a"] == [
        "NextLink",
        "FirstLink",
        "FirstLink",
        "NextLink",
    ]
    assert [entry.get("act") for entry in done if entry["host"] == "b"] == ["FirstLink", "NextLink"]
    outcome, done = chain.up_with({"a": {"life": "g2", "size": 3}, "b": HOST})
    assert (set(outcome.expect().changes), done) == ({"same"}, [])


SETTLING = """
import pulumi
from components.settle import settle
from parts import First, Next


async def main():
    for name, host in pulumi.Config().require_object("hosts").items():
        inputs = {"host": name, "owner": "probe/dev", "life": host["life"], "size": host["size"], "hold": ""}
        first = First(name, dict(inputs))
        last = Next(name, {**inputs, "up": first.id})
        Next(name + "-last", {**inputs, "up": last.id})
    await settle("probe/dev")
    return {"whole": True}


pulumi.run(main)
"""

FAULT = """
from metal.errors import HostError, HostFault
from providers.server import runtime
import threading


def fail_or_wait(props):
    if props["host"] == "bad" and props["size"] == 13:
        raise HostError("no answer on port 22", fault=HostFault.TIMEOUT, host="bad", tried=["ssh ops@bad"],
                        seen="connection refused", next_step="look at its console")
    if props["host"] == "slow":
        threading.Event().wait(0.5)  # long enough for the other one to have failed before


"""


@pytest.mark.demand("U54", "U58", "R4")
def test_one_failing_host_stops_nobody_else_and_loses_nothing(chain):
    faulty = PARTS.replace("class BaseLink", FAULT + "class BaseLink").replace(
        "        note(act=", "        fail_or_wait(props)\n        note(act="
    )
    chain.environment["PULUMI_CONTINUE_ON_ERROR"] = "true"
    chain.write(SETTLING, modules={"parts.py": faulty})
    chain.up_with({"bad": HOST, "slow": HOST})[0].expect()
    assert chain.resources()["probe-dev"]["outputs"] == {"whole": True}

    broken = {"life": "g1", "size": 13}
    outcome, done = chain.up_with({"bad": broken, "slow": {"life": "g1", "size": 2}, "new": HOST})
    outcome.expect(ok=False)
    assert [entry["act"] for entry in done if entry["host"] == "slow"] == ["FirstLink", "NextLink", "NextLink"]
    assert [entry["act"] for entry in done if entry["host"] == "new"] == ["FirstLink", "NextLink", "NextLink"]
    assert not [entry for entry in done if "undo" in entry], "what could not be registered is not deleted"
    assert {"bad", "bad-last"} <= set(chain.resources())
    assert "Traceback" not in outcome.output
    said = [event for event in outcome.diagnostics("error") if "bad: stopped at First; what comes" in event["message"]]
    assert len(said) == 1, outcome.output
    assert "Each one's own error is among the diagnostics" in said[0]["message"]
    for line in ("bad: no answer on port 22", "tried: ssh ops@bad", "last seen: connection refused", "next: look at"):
        assert line in outcome.output

    outcome, done = chain.up_with({"bad": {"life": "g1", "size": 2}, "slow": {"life": "g1", "size": 2}, "new": HOST})
    outcome.expect()
    assert {entry["host"] for entry in done} == {"bad"}, "the next run does only what is missing"


def test_a_change_that_failed_and_is_taken_back_is_undone(chain):
    chain.up_with({"a": HOST})[0].expect()
    chain.environment["LINK_FAILS"] = "FirstLink a 2"
    outcome, _ = chain.up_with({"a": {**HOST, "size": 2}})
    outcome.expect(ok=False)
    print(outcome.output)
    assert "half of it is done" in outcome.output

    # The state has what was before, so nothing differs; all the same something was begun.
    preview = chain.preview_with({"a": HOST})
    assert preview.expect().changes == {"same": 2, "update": 1}
    outcome, done = chain.up_with({"a": HOST})
    outcome.expect()
    assert [(entry["act"], entry["size"]) for entry in done] == [("FirstLink", 1)]
    outcome, done = chain.up_with({"a": HOST})
    assert (outcome.expect().changes, done) == ({"same": 3}, [])


def test_a_membership_whose_create_failed_is_taken_down_when_it_is_taken_back(chain):
    chain.environment["LINK_FAILS"] = "NextLink a 1"
    outcome, done = chain.up_with({"a": HOST})
    outcome.expect(ok=False)
    assert [entry["act"] for entry in done] == ["FirstLink", "NextLink"]

    # Wanted still, it is made by an update; not wanted any more, what it left is taken down.
    del chain.environment["LINK_FAILS"]
    assert chain.preview_with({"a": HOST}).expect().changes == {"same": 2, "update": 1}
    outcome, done = chain.up_with({"a": {**HOST, "next": False}})
    outcome.expect()
    assert [(entry.get("undo"), entry["host"]) for entry in done] == [("NextLink", "a")]


def test_what_only_its_own_host_has_is_not_kept_of_a_create_that_failed(chain):
    chain.environment["LINK_FAILS"] = "FirstLink a 1"
    chain.up_with({"a": HOST})[0].expect(ok=False)
    assert "a" not in chain.resources()


def test_a_hold_puts_off_what_a_failed_change_began(chain):
    chain.up_with({"a": HOST})[0].expect()
    chain.environment["LINK_FAILS"] = "FirstLink a 2"
    chain.up_with({"a": {**HOST, "size": 2}})[0].expect(ok=False)
    del chain.environment["LINK_FAILS"]
    outcome, done = chain.up_with({"a": {**HOST, "hold": "RMA"}})
    outcome.expect()
    assert done == []
    outcome, done = chain.up_with({"a": HOST})
    outcome.expect()
    assert [entry["act"] for entry in done if entry["act"] == "FirstLink"] == ["FirstLink"]
    assert set(chain.up_with({"a": HOST})[0].expect().changes) == {"same"}
