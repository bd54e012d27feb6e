"""From a link's inputs to the existing Consul that its cluster uses."""

from __future__ import annotations

from typing import Any

from metal.settings.external import ExternalConsul

__all__ = ["external_consul"]


def external_consul(props: dict[str, Any]) -> ExternalConsul | None:
    """None where the cluster has a Consul of its own."""
    return ExternalConsul.from_dict(props["external"]) if props.get("external") else None
