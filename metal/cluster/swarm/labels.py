"""Which labels a node gets: ours and those that somebody else set. Pure."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["DRAINED_LABEL", "HOST_LABEL", "merged_labels", "wanted_labels"]

HOST_LABEL = "metalswarm.host"
# On a node that a removal of ours has drained: the availability it had before.
DRAINED_LABEL = "metalswarm.drained"
# Remembers which labels came from the settings, so that one that is taken out there goes away here.
_KEYS_LABEL = "metalswarm.labels"


def wanted_labels(wanted: Mapping[str, str], host: str) -> dict[str, str]:
    """The labels that are ours on the node of `host`."""
    return {**wanted, HOST_LABEL: host, _KEYS_LABEL: ",".join(sorted(wanted))}


def merged_labels(found: Mapping[str, str], wanted: Mapping[str, str], host: str) -> dict[str, str]:
    """Return all labels the node shall have: ours as wanted, other people's as found."""
    ours_before = {*found.get(_KEYS_LABEL, "").split(","), HOST_LABEL, DRAINED_LABEL, _KEYS_LABEL}
    others = {key: value for key, value in found.items() if key not in ours_before}
    return {**others, **wanted_labels(wanted, host)}
