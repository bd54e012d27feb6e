"""Scenarios as data: a start, edits of the fleet document, and what each edit must do."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.engine.project import Outcome

__all__ = ["SCENARIOS", "Scenario", "Sequence", "Step", "broken_orders", "layout", "patched", "scenarios"]

SCENARIOS = Path(__file__).parent / "scenarios"

_KEYS = {"title", "demands", "full", "start", "steps"}
_STEP_KEYS = {"edit", "refused", "says", "touched", "order", "reinstalled"}


@dataclass(frozen=True)
class Step:
    """One edit, and what its `up` must do.

    :ivar edit: laid over the fleet document: maps are merged, lists replaced, null takes a key out.
    :ivar refused: texts of the refusal; empty for an edit that is carried out.
    :ivar says: lines of the preview's summary, all of them.
    :ivar touched: by host or cluster, the links on which anything happens, or "chain" for whatever the host has.
    :ivar order: pairs of acts like "delete SwarmNode n9": the first is over before the second begins; with a third
        word "ends", before the second is over.
    :ivar reinstalled: hosts that were on and have another system afterwards; no other host has.
    """

    edit: Mapping[str, Any]
    refused: tuple[str, ...] = ()
    says: tuple[str, ...] = ()
    touched: Mapping[str, Any] = field(default_factory=dict)
    order: tuple[tuple[str, ...], ...] = ()
    reinstalled: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scenario:
    """:ivar start: clusters and pools as :func:`layout` takes them.
    :ivar full: too long for every change.
    """

    name: str
    title: str
    demands: tuple[str, ...]
    full: bool
    start: Mapping[str, Any]
    steps: tuple[Step, ...]

    def documents(self, base: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The fleet document at the start and after each step; a refused edit is taken back."""
        found = [layout(base, self.start)]
        for step in self.steps:
            found.append(found[-1] if step.refused else layout(base, patched(found[-1], step.edit)))
        return found


def scenarios() -> list[Scenario]:
    """Every scenario, in the order of their files."""
    return [_read(path) for path in sorted(SCENARIOS.glob("*.yaml"))]


def _read(path: Path) -> Scenario:
    told = yaml.safe_load(path.read_text())
    assert set(told) <= _KEYS, f"{path.name}: {set(told) - _KEYS}"
    for step in told["steps"]:
        assert set(step) <= _STEP_KEYS, f"{path.name}: {set(step) - _STEP_KEYS}"
    steps = tuple(
        Step(
            edit=step["edit"],
            refused=tuple(step.get("refused", ())),
            says=tuple(step.get("says", ())),
            touched=step.get("touched", {}),
            order=tuple(tuple(pair) for pair in step.get("order", ())),
            reinstalled=tuple(step.get("reinstalled", ())),
        )
        for step in told["steps"]
    )
    demands = tuple(told.get("demands", ()))
    return Scenario(path.stem, told["title"], demands, told.get("full", False), told["start"], steps)


def patched(document: Mapping[str, Any], edit: Mapping[str, Any]) -> dict[str, Any]:
    """`document` with `edit` laid over it."""
    done = copy.deepcopy(dict(document))
    for key, value in edit.items():
        if value is None:
            done.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(done.get(key), Mapping):
            done[key] = patched(done[key], value)
        else:
            done[key] = copy.deepcopy(value)
    return done


def layout(base: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """A whole fleet document from the short form: what every cluster and pool of these scenarios has is filled in.

    :param base: the dev stack's document; its cluster blue is the pattern for every cluster.
    """
    document = {**copy.deepcopy(dict(base)), **copy.deepcopy(dict(told))}
    pattern = copy.deepcopy(base["clusters"]["blue"])
    pattern.pop("managers")
    pattern["manager"].pop("nodes", None)
    document["clusters"] = {name: patched(pattern, cluster) for name, cluster in document["clusters"].items()}
    document["pools"] = {name: _pool(pool) for name, pool in document["pools"].items()}
    return document


def _pool(pool: Mapping[str, Any]) -> dict[str, Any]:
    found = {"purpose": "swarm" if "cluster" in pool else "free", "generation": 1, "on_destroy": "off", **pool}
    return {"power": "off", **found} if found["purpose"] == "free" else found


@dataclass(frozen=True)
class Sequence:
    """When each act of a run began and ended, as places among its events."""

    began: Mapping[str, int]
    ended: Mapping[str, int]

    @classmethod
    def of(cls, outcome: Outcome) -> Sequence:
        began: dict[str, int] = {}
        ended: dict[str, int] = {}
        for place, event in enumerate(outcome.events):
            for kind, found in (("resourcePreEvent", began), ("resOutputsEvent", ended)):
                if kind in event and (act := _act(event[kind]["metadata"])):
                    found[act] = place
        return cls(began, ended)

    @property
    def touched(self) -> dict[str, set[str]]:
        """Links on which anything happened, by host or cluster."""
        found: dict[str, set[str]] = {}
        for act in self.began:
            _, link, name = act.split()
            found.setdefault(name, set()).add(link)
        return found


def _act(metadata: Mapping[str, Any]) -> str | None:
    """`create SwarmNode n4`; None for what is no act on a link of ours."""
    operation, urn = metadata["op"], metadata["urn"]
    types, name = urn.split("::")[2], urn.split("::")[-1]
    verb = next((verb for verb in ("delete", "create", "update") if operation.startswith(verb)), None)
    if verb is None or "dynamic/" not in types:
        return None
    return f"{verb} {types.split('$')[-1].split(':')[-1]} {name}"


def broken_orders(sequence: Sequence, order: tuple[tuple[str, ...], ...]) -> list[str]:
    """What of `order` the run did not keep, or did not do at all."""
    broken = []
    for first, second, *how in order:
        after = sequence.ended if how == ["ends"] else sequence.began
        if first not in sequence.ended or second not in after:
            broken.append(f"not both done: {first}; {second}")
        elif sequence.ended[first] > after[second]:
            broken.append(f"{second} came before the end of {first}")
    return broken
