"""Hosts asked at once: what one of them says is no other's trouble."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from metal.discover.inside import look
from metal.discover.inside import observe as observing
from metal.discover.inside.judge import State
from metal.discover.inside.sight import InsideSight, Surroundings
from metal.discover.match import Known
from metal.errors import Cancelled
from metal.waiting import Run

BARE = InsideSight(Surroundings(declared=False))


def test_a_host_that_makes_no_sense_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = [SimpleNamespace(name=name, hold=None, lost=False) for name in ("n1", "n2")]
    raised: list[Exception] = [ValueError("\x1b[2J odd")]

    def observe(site: object, name: str) -> InsideSight:
        if name == "n1":
            raise raised[0]
        return BARE

    monkeypatch.setattr(look, "named", lambda site, names: facts)
    monkeypatch.setattr(look, "observe_inside", observe)
    site: Any = SimpleNamespace(run=Run())
    known = [Known("n1", "rack1.yaml"), Known("n2", "rack1.yaml")]
    odd, sound = look.look_inside(site, [], known).outcomes
    assert (odd.state, odd.asks, sound.state) == (State.UNCLEAR, True, State.NO_BMC)
    assert odd.words == "what it says of itself makes no sense: ValueError: \\x1b[2J odd"
    assert "ipmitool mc info" in odd.cure
    raised[0] = Cancelled("stop")
    with pytest.raises(Cancelled):
        look.look_inside(site, [], known)


@pytest.mark.parametrize(
    ("said", "serial", "uuid"),
    [
        ("serial=A1\nuuid=4C4C4544-0042-4B10-8056-B7C04F4A3132\n", "A1", "4c4c4544-0042-4b10-8056-b7c04f4a3132"),
        ("serial=\x1b[2J\nuuid=Not Settable\n", "", ""),
        ("", "", ""),
    ],
)
def test_firmware_may_have_anything_in_place_of_a_uuid(
    monkeypatch: pytest.MonkeyPatch, said: str, serial: str, uuid: str
) -> None:
    values = dict(line.split("=") for line in said.splitlines())
    own = SimpleNamespace(serial=values.get("serial"), uuid=values.get("uuid", "").lower() or None)
    monkeypatch.setattr(observing, "look_around", lambda ssh: Surroundings())
    monkeypatch.setattr(observing, "observe_facts", lambda ssh: own)
    ssh = SimpleNamespace(connect=lambda *given, **named: None)
    site: Any = SimpleNamespace(ssh=ssh, run=Run(), access=lambda host: None)
    seen = observing.observe_inside(site, "n1")
    assert (seen.serial, seen.uuid) == (serial, uuid)
