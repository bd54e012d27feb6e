"""Fixtures for tests on the real Pulumi engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.project import Project
from toolchain.pulumi import pulumi


@pytest.fixture(scope="session")
def pulumi_bin() -> Path:
    """A usable Pulumi CLI; the first run on a machine may have to build it."""
    return pulumi()


@pytest.fixture
def project(tmp_path: Path, pulumi_bin: Path) -> Project:
    """An empty project; call `create` on it."""
    return Project(tmp_path / "project", pulumi_bin)
