"""The fleet document read section by section, so that one wrong entry hides no other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path as Folder
from typing import Any

from metal.settings.documents import merge, read_yaml
from metal.settings.entries import read_entries, read_section
from metal.settings.fleet_model import (
    ArtifactModel,
    ClusterModel,
    DeadlinesModel,
    DockerModel,
    FleetModel,
    HostIntent,
    LimitsModel,
    PoolModel,
    ReadyModel,
)
from metal.settings.problems import Path, Problems

__all__ = ["Intent", "read_intent", "with_includes"]


@dataclass(frozen=True)
class Intent:
    """The document's parts; None stands for one that is wrong.

    :ivar consul_given: the section is there, sound or not.
    """

    inventory: list[str] | None
    limits: LimitsModel | None
    deadlines: DeadlinesModel | None
    ready: ReadyModel | None
    docker: DockerModel | None
    consul: ArtifactModel | None
    consul_given: bool
    hosts: dict[str, HostIntent | None]
    clusters: dict[str, ClusterModel | None]
    pools: dict[str, PoolModel | None]


def with_includes(document: Mapping[str, Any], root: Folder, problems: Problems) -> dict[str, Any]:
    """`document` laid on the files it includes; a later file lies on an earlier one."""
    names = document.get("include") or []
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        problems.add("include", "is of the wrong kind", "a path, or a list of paths", value=names)
        names = []
    layers: dict[str, Mapping[str, Any]] = {}
    for name in names:
        layers[name] = read_yaml(root / name, name, problems) or {}
        if "include" in layers[name]:
            problems.add(
                "include", "is not followed in an included file", "the list in the stack's document", file=name
            )
    merged: dict[str, Any] = {}
    for layer in (*layers.values(), document):
        merged = merge(merged, layer)
    merged.pop("include", None)

    def origin(path: Path) -> str | None:
        holders = [name for name, layer in layers.items() if _has(layer, path)]
        return holders[-1] if holders and not _has(document, path) else None

    problems.origin = origin
    return merged


def _has(data: Any, path: Path) -> bool:
    for part in path:
        if isinstance(data, Mapping) and part in data:
            data = data[str(part)]
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return False
    return True


def read_intent(document: Mapping[str, Any], problems: Problems) -> Intent:
    """Validate every section of the merged document."""
    known = set(FleetModel.model_fields)
    problems.read(FleetModel, {key: value for key, value in document.items() if key not in known}, ())
    named = problems.read(FleetModel, {"inventory": document.get("inventory") or []}, ())
    consul = document.get("consul")
    return Intent(
        inventory=named.inventory if named else None,
        limits=read_section(LimitsModel, document, ("limits",), problems),
        deadlines=read_section(DeadlinesModel, document, ("deadlines",), problems),
        ready=read_section(ReadyModel, document, ("ready",), problems),
        docker=read_section(DockerModel, document, ("docker",), problems),
        consul=problems.read(ArtifactModel, consul, ("consul",)) if consul is not None else None,
        consul_given=consul is not None,
        hosts=read_entries(HostIntent, document, "hosts", problems),
        clusters=read_entries(ClusterModel, document, "clusters", problems, partly=True),
        pools=read_entries(PoolModel, document, "pools", problems),
    )
