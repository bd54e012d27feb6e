from __future__ import annotations

from typing import Any

import pytest
from pulumi.output import Unknown

from metal.errors import BmcError, BmcFault, Cancelled, HostError, HostFault, SettingsError
from providers import process
from providers.link import Link
from tests.unit.providers.wire import arriving
from tests.unit.small_fleet import OWNER, document

INPUTS = {"host": "n1", "owner": OWNER, "hold": "", "up": "n1/g1", "port": 22, "macs": ["a"], "host_key": None}


class Probe(Link):
    seen: Any = None

    def identity(self, props: dict[str, Any]) -> str:
        return f"{props['up']}/probe"

    def act(self, props: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
        return {"made": props["port"], "before": sorted(before)}

    def look(self, props: dict[str, Any]) -> dict[str, Any]:
        if isinstance(self.seen, Exception):
            raise self.seen
        return {"made": self.seen}

    def undo(self, props: dict[str, Any]) -> None:
        self.seen = "undone"


def made(link: Probe, **inputs: Any) -> dict[str, Any]:
    return arriving(link.create(arriving({**INPUTS, **inputs})).outs)


def test_a_link_made_again_from_the_same_settings_is_the_same(fleet) -> None:
    link = Probe()
    first = link.create(arriving(INPUTS))
    assert first.id == "n1/g1/probe"
    assert first.outs == {k: v for k, v in INPUTS.items() if k not in ("hold", "host_key")} | {"made": 22, "before": []}
    assert not link.diff(first.id, arriving(first.outs), arriving(INPUTS)).changes


def test_unknowns_of_a_preview(fleet) -> None:
    link, outs = Probe(), made(Probe())
    below = link.diff("x", outs, {**arriving(INPUTS), "up": Unknown()})
    assert (below.changes, below.replaces, below.delete_before_replace) == (True, ["up"], True)
    other = link.diff("x", outs, {**arriving(INPUTS), "port": Unknown()})
    assert (other.changes, other.replaces) == (True, [])
    assert not link.diff("x", outs, {**arriving(INPUTS), "host_key": Unknown()}).changes
    assert link.check({}, {**arriving(INPUTS), "up": Unknown()}).failures == []


def test_an_update_knows_what_was_there_before(fleet) -> None:
    link, outs = Probe(), made(Probe())
    updated = link.update("x", outs, arriving({**INPUTS, "port": 23})).outs
    assert updated["made"] == 23
    assert "made" in updated["before"]


def test_a_host_on_hold_is_registered_and_done_after_the_hold(begin) -> None:
    wanted = document()
    wanted["hosts"] = {"n1": {"hold": "RMA"}}
    begin(wanted)
    link = Probe()
    held = made(link, hold="RMA")
    assert held["pending"] == "RMA"
    assert "made" not in held
    assert not link.diff("x", held, arriving({**INPUTS, "hold": "RMA 2", "port": 99})).changes
    assert link.read("x", held).outs == held
    link.delete("x", held)
    assert link.seen is None

    begin()
    assert link.diff("x", held, arriving(INPUTS)).changes
    done = link.update("x", held, arriving(INPUTS)).outs
    assert "pending" not in done
    assert done["before"] == [], "its first update begins its life"


def test_a_hold_keeps_a_link_that_stands_from_being_looked_at_or_taken_down(begin, told) -> None:
    begin()
    link = Probe()
    outs = made(link)
    wanted = document()
    wanted["hosts"] = {"n1": {"hold": "RMA"}}
    begin(wanted)
    link.seen = AssertionError("dialled")
    assert link.read("x", outs).outs == outs
    link.delete("x", outs)
    assert told.warnings == ["n1: on hold (RMA): left as it is"]


@pytest.mark.parametrize(
    ("error", "condition"),
    [
        (HostError("no answer after 15.2 s", fault=HostFault.UNREACHABLE, host="n1"), "unreachable"),
        (BmcError("no answer", fault=BmcFault.TIMEOUT, host="n1"), "unreachable"),
        (HostError("the key is refused", fault=HostFault.AUTH, host="n1"), "authentication"),
        (SettingsError(["metalswarm:ssh-default: is missing"]), "not known"),
    ],
)
def test_what_cannot_be_asked_keeps_its_values_and_says_so_the_same_way_each_time(
    fleet, told, error, condition
) -> None:
    link = Probe()
    outs = made(link)
    link.seen = error
    read = link.read("x", outs)
    assert read.outs == {**outs, "condition": condition}
    assert str(error) in told.warnings[0]
    assert link.read("x", arriving(read.outs)).outs == arriving(read.outs)
    assert not link.diff("x", arriving(read.outs), arriving(INPUTS)).changes

    process._silent.clear()  # the next run
    link.seen = 22
    assert link.read("x", arriving(read.outs)).outs == {**outs, "made": 22}


def test_one_verdict_a_run_is_enough_for_a_host_that_does_not_answer(fleet, told) -> None:
    first, second = Probe(), Probe()
    outs = made(first)
    first.seen = HostError("no answer", fault=HostFault.UNREACHABLE, host="n1")
    second.seen = AssertionError("dialled")
    first.read("x", outs)
    assert second.read("x", outs).outs == {**outs, "condition": "unreachable"}
    assert len(told.warnings) == 1


def test_what_lived_in_a_system_that_was_installed_anew_is_not_taken_down_again(fleet, told, monkeypatch) -> None:
    link = Probe()
    outs = made(link)
    monkeypatch.setattr(process, "outlived", lambda owner, host, life: True)
    link.undo = lambda props: pytest.fail("dialled the new system for the old one's link")
    link.delete("x", outs)
    assert told.warnings == ["n1: the system that held this link is gone already"]


def test_an_interrupt_is_no_condition_of_a_host(fleet) -> None:
    link = Probe()
    outs = made(link)
    link.seen = Cancelled("cancelled while waiting")
    with pytest.raises(Cancelled):
        link.read("x", outs)


def test_an_output_that_hides_an_input_is_a_bug_and_not_a_change_for_ever(fleet) -> None:
    class Hiding(Probe):
        def act(self, props: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
            return {"port": 1}

    with pytest.raises(RuntimeError, match="hide inputs"):
        Hiding().create(arriving(INPUTS))


def test_a_check_tells_the_process_what_the_program_asks_for(fleet) -> None:
    assert process.leaving("n1") is process.Leaving.DESTROYED
    Probe().check({}, arriving(INPUTS))
    assert process.leaving("n1") is process.Leaving.NEW_LIFE
    assert process.leaving("n2") is process.Leaving.REMOVED


class Membership(Probe):
    evicts = True


def test_a_host_on_hold_is_evicted_once_and_joins_as_new_after_the_hold(begin) -> None:
    begin()
    link = Membership()
    outs = made(link)
    wanted = document()
    wanted["hosts"] = {"n1": {"hold": "RMA", "evict": True}}
    begin(wanted)
    held = arriving({**INPUTS, "hold": "RMA", "evict": True})
    assert not Probe().diff("x", outs, held).changes, "what is no membership is left alone"
    assert (link.diff("x", outs, held).changes, link.diff("x", outs, held).replaces) == (True, [])
    evicted = arriving(link.update("x", outs, held).outs)
    assert link.seen == "undone"
    assert (evicted["pending"], evicted["evicted"]) == ("RMA", True)
    assert not link.diff("x", evicted, held).changes
    link.seen = AssertionError("dialled")
    assert link.read("x", evicted).outs == evicted
    link.delete("x", evicted)

    begin()
    assert link.diff("x", evicted, arriving(INPUTS)).changes
    back = link.update("x", evicted, arriving(INPUTS)).outs
    assert back["before"] == [], "nothing of its former membership counts"
    assert not {"pending", "evicted", "evict"} & set(back)


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("unreachable", "n1: was not to be asked at the last refresh (unreachable)"),
        ("host key", "raise hosts.n1.generation"),
        ("unclaimed", None),
    ],
)
def test_what_the_last_refresh_could_not_see_is_said_once_a_run(fleet, told, condition, words) -> None:
    outs = {**made(Probe()), "condition": condition}
    for _ in range(2):
        assert not Probe().diff("x", outs, arriving(INPUTS)).changes
    assert [words in line for line in told.warnings] == ([True] if words else [])
