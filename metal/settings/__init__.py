"""A stack's settings: models of the files a user edits, their loading, and the resolved wanted state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metal.settings.load import load_fleet

__all__ = ["load_fleet"]


def __getattr__(name: str) -> Any:
    # Resource classes take the plain values only; a preview's provider process need not pay for models and YAML.
    if name == "load_fleet":
        from metal.settings.load import load_fleet

        return load_fleet
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
