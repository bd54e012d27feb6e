"""The fleets that components are built from."""

from __future__ import annotations

from pathlib import Path

import pytest

from metal.settings.fleet import Fleet
from tests.unit.components.registration import Registered, register
from tests.unit.small_fleet import small_fleet


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return small_fleet(tmp_path)


@pytest.fixture
def told(fleet: Fleet) -> dict[str, Registered]:
    """What the engine is told of the small fleet."""
    return register(fleet)
