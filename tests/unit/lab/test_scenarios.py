"""The scenario files of tests/lab: well-formed, in a chain, and each edit refused or allowed as it says."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.spec import LabSpec
from metal.plan.quorum import membership, refusals
from metal.plan.rolling import pools_of, rolling, wave_lines
from metal.plan.summary import summarise
from metal.settings import load_fleet
from metal.settings.fleet import Fleet
from tests.engine.project import CHECKOUT, Outcome
from tests.lab.scenario import Scenario, Sequence, broken_orders, layout, patched, scenarios

ALL = scenarios()


def base() -> dict[str, Any]:
    document = yaml.safe_load((CHECKOUT / "Pulumi.dev.yaml").read_text())["config"]["metalswarm:fleet"]
    document = {**document, "inventory": ["inventory.yaml"]}
    document.pop("include", None)
    return dict(document)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    hosts = {m.name: {"address": str(m.address), "bmc": str(m.bmc)} for m in LabSpec(hosts=9).machines}
    defaults = {"ssh": {"user": "root"}, "bmc": {"protocol": "ipmi", "credentials": "default"}, "blank": True}
    (tmp_path / "inventory.yaml").write_text(yaml.safe_dump({"defaults": defaults, "hosts": hosts}))
    return tmp_path


def fleet(folder: Path, document: dict[str, Any]) -> Fleet:
    return load_fleet(copy.deepcopy(document), root=folder, owner="metalswarm/dev")


def refused(old: Fleet, new: Fleet) -> list[str]:
    found = []
    for name in new.clusters:
        before = membership(old, name) if name in old.clusters else None
        found += [str(refusal) for refusal in refusals(before, membership(new, name))]
    return found


@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.name)
def test_its_edits_are_valid_and_refused_only_where_it_says_so(scenario: Scenario, folder: Path) -> None:
    now = layout(base(), scenario.start)
    for step in scenario.steps:
        edited = layout(base(), patched(now, step.edit))
        assert edited != now, "an edit that edits nothing"
        said = " ".join(refused(fleet(folder, now), fleet(folder, edited)))
        assert bool(said) == bool(step.refused), said
        assert [text for text in step.refused if text not in said] == []
        now = now if step.refused else edited


@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.name)
def test_it_says_what_the_plan_says(scenario: Scenario, folder: Path) -> None:
    now = layout(base(), scenario.start)
    for step in scenario.steps:
        if not step.refused:
            edited = layout(base(), patched(now, step.edit))
            assert set(step.says) <= set(told(fleet(folder, now), fleet(folder, edited)))
            now = edited


def told(old: Fleet, new: Fleet) -> list[str]:
    found = []
    for name in new.clusters:
        before, after = membership(old, name) if name in old.clusters else None, membership(new, name)
        waves = wave_lines(
            before, after, rolling(old, name) if before else None, rolling(new, name), pools_of(new, name)
        )
        found += [f"{name}: {line}" for line in (*summarise(before, after), *waves)]
    return found


def test_most_begin_where_the_one_before_ended() -> None:
    """Each can run alone; in a row, few need an update of their own to get ready."""
    ends = [scenario.documents(base())[-1] for scenario in ALL]
    starts = [layout(base(), scenario.start) for scenario in ALL]
    far = [ALL[i + 1].name for i in range(len(ALL) - 1) if ends[i] != starts[i + 1]]
    assert len(far) <= len(ALL) // 2, far


def events(*told: tuple[str, str, str, str]) -> Outcome:
    """:param told: "begin" or "end", operation, link, host."""
    kinds = {"begin": "resourcePreEvent", "end": "resOutputsEvent"}
    return Outcome(
        0,
        "",
        [
            {kinds[when]: {"metadata": {"op": operation, "urn": f"urn:pulumi:dev::p::pp:dynamic/m:{link}::{host}"}}}
            for when, operation, link, host in told
        ],
        1.0,
    )


def test_an_order_is_judged_by_ends_and_beginnings() -> None:
    run = Sequence.of(
        events(
            ("begin", "delete-replaced", "SwarmNode", "n1"),
            ("begin", "update", "SwarmNode", "n2"),
            ("begin", "same", "SwarmNode", "n3"),
            ("end", "update", "SwarmNode", "n2"),
            ("end", "delete-replaced", "SwarmNode", "n1"),
            ("begin", "create-replacement", "SwarmNode", "n1"),
            ("end", "create-replacement", "SwarmNode", "n1"),
        )
    )
    assert run.touched == {"n1": {"SwarmNode"}, "n2": {"SwarmNode"}}
    gone, back, moved = "delete SwarmNode n1", "create SwarmNode n1", "update SwarmNode n2"
    assert broken_orders(run, ((gone, back), (moved, gone, "ends"), (moved, back))) == []
    assert broken_orders(run, ((moved, gone),)) == [f"{gone} came before the end of {moved}"]
    assert broken_orders(run, ((gone, moved, "ends"),)) == [f"{moved} came before the end of {gone}"]
    assert broken_orders(run, (("update SwarmNode n3", back),)) == [f"not both done: update SwarmNode n3; {back}"]


def test_an_edit_merges_maps_replaces_lists_and_takes_out_what_is_null() -> None:
    document = {"pools": {"web": {"hosts": ["n1"], "labels": {"a": "1"}}, "old": {"hosts": []}}}
    edited = patched(document, {"pools": {"web": {"hosts": ["n2"]}, "old": None, "new": {"hosts": ["n1"]}}})
    assert edited == {"pools": {"web": {"hosts": ["n2"], "labels": {"a": "1"}}, "new": {"hosts": ["n1"]}}}
    assert document["pools"]["web"]["hosts"] == ["n1"]
