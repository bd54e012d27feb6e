"""Fixtures that more than one room's tests need."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def pulumi_bin() -> Path:
    """A usable Pulumi CLI; the first run on a machine may have to build it."""
    from toolchain.pulumi import pulumi

    return pulumi()
