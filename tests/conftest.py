"""Fixtures that more than one room's tests need."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

# A deadline per example is a timed test: a busy machine fails it.
settings.register_profile("metalswarm", deadline=None)
settings.load_profile("metalswarm")


@pytest.fixture(scope="session")
def pulumi_bin() -> Path:
    """A usable Pulumi CLI; the first run on a machine may have to build it."""
    from toolchain.pulumi import pulumi

    return pulumi()
