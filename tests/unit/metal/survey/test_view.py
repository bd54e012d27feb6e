from __future__ import annotations

from dataclasses import replace

from metal.survey.view import FleetSurvey, HostSurvey, Word

GOOD, NONE = Word("ready", True), Word("-")
HOST = HostSurvey("n1", "10.0.0.1", "swarm", "blue", Word("on", True), GOOD, GOOD, GOOD, GOOD, NONE)


def test_a_fleet_is_good_when_no_layer_says_otherwise_and_nobody_is_strange() -> None:
    assert FleetSurvey({"n1": HOST}).good
    assert not FleetSurvey({"n1": replace(HOST, swarm=Word("absent", False))}).good
    assert not FleetSurvey({"n1": HOST}, ("swarm blue: n9 is not in the settings",)).good


def test_what_a_machine_reads() -> None:
    found = FleetSurvey({"n1": replace(HOST, power=Word("off", False, "why"))}).to_dict()
    assert (found["good"], found["strangers"]) == (False, [])
    n1 = found["hosts"]["n1"]
    assert (n1["address"], n1["purpose"], n1["cluster"], n1["good"]) == ("10.0.0.1", "swarm", "blue", False)
    assert n1["power"] == {"state": "off", "good": False, "detail": "why"}
    assert n1["manager"] == {"state": "-", "good": None, "detail": ""}
