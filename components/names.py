"""Host names over time: a renamed host keeps its resources."""

from __future__ import annotations

import pulumi

from metal.settings.fleet import HostWish

__all__ = ["former_names"]


def former_names(host: HostWish) -> list[pulumi.Alias | str]:
    """The aliases of every resource and component that is named after the host."""
    return [pulumi.Alias(name=host.was)] if host.was else []
