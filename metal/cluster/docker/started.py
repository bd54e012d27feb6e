"""What the running engine was started with, so that a restart happens when it must and only then. Pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

__all__ = ["Started", "restart_reasons"]


@dataclass(frozen=True)
class Started:
    """Fingerprints of everything that an engine reads only when it starts.

    Kept on the host and written after a good start: a run killed between a change and the restart leaves the old one,
    and the next run sees the difference.
    """

    package: str
    configuration: str
    unit: str
    certificate: str
    authority: str

    @classmethod
    def of(cls, *, package: str, configuration: str, unit: str, certificate: str, authority: str) -> Started:
        """:param configuration: content of daemon.json; `unit` that of the drop-in; the rest are fingerprints."""
        return cls(package, _digest(configuration), _digest(unit), certificate, authority)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"


def restart_reasons(found: str | None, now: Started) -> tuple[str, ...]:
    """Return what changed since the engine was started; empty when nothing did.

    :param found: :meth:`Started.to_json` as it lies on the host, or None.
    """
    if found is None:
        return ("never started by us with this configuration",)
    try:
        before = json.loads(found)
    except ValueError:
        before = None
    if not isinstance(before, dict):
        return ("the note of its last start cannot be read",)
    return tuple(f"{key} changed" for key, value in asdict(now).items() if before.get(key) != value)


def _digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()
