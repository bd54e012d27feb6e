"""What the engine does to a resource's properties on their way to a provider class and back."""

from __future__ import annotations

from typing import Any

__all__ = ["arriving"]


def arriving(props: dict[str, Any]) -> dict[str, Any]:
    """`props` as they arrive: every number a float, members that are None missing, the provider's own key present."""
    return {**_value(props), "__provider": "gASVxyz="}


def _value(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _value(member) for key, member in value.items() if member is not None}
    if isinstance(value, list | tuple):
        return [_value(member) for member in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value
