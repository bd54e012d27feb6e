"""A provider process in a project of its own, with the metal's acts replaced where real machines would be needed."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, create_autospec

import pytest

from metal.cluster.disrupt import at_once
from metal.cluster.reboot import ensure_rebooted
from metal.settings.fleet import Fleet
from providers import process
from providers.server import runtime
from tests.unit.small_fleet import document, small_fleet

Act = Callable[..., MagicMock]


class Told:
    """The warnings of a provider process, and its lines of progress."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.lines: list[str] = []

    def tell(self, urn: str | None, line: str) -> bool:
        self.lines.append(line)
        return True

    def warn(self, urn: str | None, line: str) -> bool:
        self.warnings.append(line)
        return True


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    told = Told()
    monkeypatch.setattr(runtime, "_warner", told.warn)
    monkeypatch.setattr(runtime, "_teller", told.tell)
    return told


@pytest.fixture
def begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: Told) -> Callable[..., Fleet]:
    """Begin a new provider process on a fleet; again for the next run of the engine."""

    # The waves have tests of their own; here every act may disrupt its host at once.
    monkeypatch.setattr("metal.cluster.wave.rolling", lambda site, host, access, layer: nullcontext(at_once))
    monkeypatch.setattr("metal.cluster.reboot.ensure_rebooted", create_autospec(ensure_rebooted))

    def begin(wanted: dict[str, Any] | None = None, **facts: dict[str, Any]) -> Fleet:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(process, "_site", None)
        monkeypatch.setattr(process, "_asked", set())
        monkeypatch.setattr(process, "_config", {})
        monkeypatch.setattr(process, "_pins", {})
        monkeypatch.setattr(process, "_silent", set())
        monkeypatch.setattr(process, "_told", set())
        monkeypatch.setattr(process, "_replaced", set())
        monkeypatch.setattr(process, "_settled", set())
        wanted = wanted or document()
        fleet = small_fleet(tmp_path, wanted, **facts)
        process.configure({"metalswarm:fleet": json.dumps(wanted), "metalswarm:seed": "QUJD" * 10 + "QUI="})
        return fleet

    return begin


@pytest.fixture
def fleet(begin: Callable[..., Fleet]) -> Fleet:
    return begin()


@pytest.fixture
def act(monkeypatch: pytest.MonkeyPatch) -> Act:
    """Replace one act of `metal`; calls that its real signature would refuse are refused."""

    real: dict[str, Any] = {}

    def replace(path: str, result: Any = None) -> MagicMock:
        module, _, name = path.rpartition(".")
        spy: MagicMock = create_autospec(real.setdefault(path, getattr(import_module(module), name)))
        if isinstance(result, Exception):
            spy.side_effect = result
        else:
            spy.return_value = result
        monkeypatch.setattr(import_module(module), name, spy)
        return spy

    return replace
