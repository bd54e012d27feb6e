"""From a link's inputs to the file its host downloads."""

from __future__ import annotations

from typing import Any

from metal.settings.fleet import Artifact

__all__ = ["artifact"]


def artifact(data: dict[str, Any]) -> Artifact:
    """Undo what :mod:`components.inputs` does to absent values.

    :param data: the input; an artifact that the settings do not name has no resource that asks for it.
    """
    return Artifact(
        version=str(data["version"]),
        url=str(data["url"]),
        sha256=str(data["sha256"]) or None,
        sha256_url=str(data["sha256_url"]) or None,
    )
