"""From a link's inputs to how its host is reached, with the host key that the chain has pinned."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from metal.settings.access import Access

__all__ = ["pinned_access"]


def pinned_access(props: dict[str, Any]) -> Access:
    """The inventory's access; where it pins no key, the one that HostReady saw at first contact with this life."""
    access = Access.from_dict(props["access"])
    return replace(access, host_key=access.host_key or str(props.get("host_key") or "") or None)
