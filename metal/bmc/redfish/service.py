"""What is known of one BMC's Redfish service for the rest of a run, so that it is asked once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["Service"]


@dataclass
class Service:
    """Used only by the holder of that BMC.

    :ivar root: the service root; empty while it is not known.
    :ivar systems: path of a host's system, by host.
    :ivar settings: by system's path and property, where that is written to: itself, or its settings resource.
    """

    root: dict[str, Any] = field(default_factory=dict)
    systems: dict[str, str] = field(default_factory=dict)
    settings: dict[tuple[str, str], str] = field(default_factory=dict)
