from __future__ import annotations

import contextlib
import json
import signal
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from cli import stack, status
from metal import site as site_module
from metal import survey
from metal.settings.names import natural
from metal.survey.view import LAYERS, FleetSurvey, HostSurvey, Word

ON, OK, NONE = Word("on", True), Word("ready", True, "debian-12"), Word("-")
N1 = HostSurvey("n1", "10.0.0.1", "swarm", "blue", ON, OK, Word("20.10.24", True), OK, Word("leader", True, "id"), NONE)
FLEET = SimpleNamespace(owner="shop/dev", hosts=("n1", "n2", "n4"))
N4 = HostSurvey("n4", "10.0.0.4", "free", None, Word("off", True), NONE, NONE, NONE, NONE, NONE)
BAD = HostSurvey("n2", "10.0.0.2", "swarm", "blue", Word("no answer", False, "n2 [reset]"), NONE, NONE, OK, OK, NONE)


@pytest.fixture
def asked(monkeypatch):
    """Let the living system answer with these hosts; the stack that was asked for."""
    seen: list[str | None] = []
    before = signal.getsignal(signal.SIGINT)

    def answer(found: FleetSurvey) -> list[str | None]:
        monkeypatch.setattr(stack, "open_stack", lambda name: seen.append(name) or (FLEET, None))
        monkeypatch.setattr(site_module.Site, "open", lambda *args, folder, pins: contextlib.nullcontext("the site"))
        monkeypatch.setattr(survey, "survey", {"the site": found}.__getitem__)
        return seen

    yield answer
    signal.signal(signal.SIGINT, before)


def test_a_table_with_one_line_a_host(asked) -> None:
    assert asked(FleetSurvey({"n1": N1, "n4": N4})) == []
    done = CliRunner().invoke(status.app, [])
    assert done.exit_code == 0, done.output
    head, first, second = done.output.splitlines()
    assert head.split() == ["host", "address", "purpose", *LAYERS]
    assert first.split() == ["n1", "10.0.0.1", "swarm", "blue", "on", "ready", "20.10.24", "ready", "leader", "-"]
    assert second.split() == ["n4", "10.0.0.4", "free", "off", "-", "-", "-", "-", "-"]


def test_what_is_not_as_wanted_is_said_below_and_by_the_exit_code(asked) -> None:
    asked(FleetSurvey({"n1": N1, "n2": BAD}, ("swarm blue: n9 (x, down) is not in the settings",)))
    done = CliRunner().invoke(status.app, [])
    assert done.exit_code == 1
    said = done.output.splitlines()[3:]
    assert said[:2] == ["n2: power: n2 [reset]", "swarm blue: n9 (x, down) is not in the settings"]
    assert said[2].startswith("next: pulumi refresh")
    assert len(said) == 3


@pytest.mark.parametrize("more", [False, True])
def test_an_error_is_told_with_its_own_next_step_and_the_general_one_only_beside_something_else(asked, more) -> None:
    shut = replace(N1, host="n3", power=Word("no login", False, "BMC 10.9.0.3: wrong password", "set the secret"))
    asked(FleetSurvey({"n1": N1, "n3": shut} | ({"n2": BAD} if more else {})))
    done = CliRunner().invoke(status.app, [])
    assert done.exit_code == 1
    assert "n3: power: BMC 10.9.0.3: wrong password\n  next: set the secret\n" in done.output
    assert ("pulumi refresh" in done.output) is more


def test_one_document_for_a_machine(asked) -> None:
    seen = asked(FleetSurvey({"n1": N1, "n2": BAD}))
    done = CliRunner().invoke(status.app, ["--json", "--stack", "prod"])
    assert (done.exit_code, seen) == (1, ["prod"])
    assert json.loads(done.output) == FleetSurvey({"n1": N1, "n2": BAD}).to_dict()
    assert list(json.loads(done.output)["hosts"]["n2"]) == ["address", "purpose", "cluster", "good", *LAYERS]


def test_help_asks_nobody_and_loads_no_client(monkeypatch) -> None:
    for name in ("asyncssh", "httpx"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert CliRunner().invoke(status.app, ["--help"]).exit_code == 0
    assert "asyncssh" not in sys.modules


def test_hosts_are_shown_in_the_order_of_their_numbers():
    names = ["n10", "n2", "r1-2", "n1", "r1-10"]
    assert sorted(names, key=natural) == ["n1", "n2", "n10", "r1-2", "r1-10"]
