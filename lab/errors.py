"""The error of the lab room."""

from __future__ import annotations

from metal.errors import MetalError

__all__ = ["LabError"]


class LabError(MetalError):
    """The virtual metal could not be built, run or removed."""
