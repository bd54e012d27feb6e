"""What a kill of the engine leaves half written, and its cure."""

from __future__ import annotations

import json

from tests.engine.project import Project

__all__ = ["mend_torn_attributes"]


def mend_torn_attributes(project: Project) -> None:
    """What docs/operations.md says to do about `failed to load checkpoint: EOF`; a whole file stays."""
    attributes = project.checkpoint.with_name(project.checkpoint.name + ".attrs")
    if not attributes.exists():
        return
    try:
        json.loads(attributes.read_text())
    except ValueError:
        attributes.unlink()
