"""The life marker: who owns a host, and which of its lives this is. It lies on the host and goes with a reinstall."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum

from metal.errors import HostError, HostFault
from metal.host.ssh import Ssh

__all__ = ["MARKER_PATH", "Marker", "MarkerState", "parse_marker", "read_marker", "write_marker"]

MARKER_PATH = "/var/lib/metalswarm/marker.json"
_FORMAT = 1


class MarkerState(StrEnum):
    CLAIMED = "claimed"
    RELEASED = "released"


@dataclass(frozen=True)
class Marker:
    """What is written on a host.

    :ivar owner: `project/stack`.
    :ivar host: inventory name.
    :ivar generation: installs by the owner that this system is at least the result of.
    :ivar life: as in :attr:`metal.settings.fleet.HostWish.life`.
    :ivar wipe: at release: the owner wants nothing of this system kept.
    :ivar machine_id: of the system that it was written on.
    :ivar burn_in: fingerprint of the burn-in that this system has passed; empty for none.
    """

    owner: str
    host: str
    generation: int
    life: str
    state: MarkerState
    wipe: bool
    machine_id: str
    burn_in: str = ""

    def to_json(self) -> str:
        """The file's text: sorted, one key a line."""
        members = {key: value for key, value in asdict(self).items() if key != "burn_in" or value}
        return json.dumps({"format": _FORMAT, **members}, indent=1, sort_keys=True) + "\n"


def read_marker(ssh: Ssh) -> Marker | None:
    """The marker on the host; None where there is none.

    :raises HostError: NOT_OURS: there is one that cannot be read. It is never taken for absent.
    """
    content = ssh.read(MARKER_PATH)
    return None if content is None else parse_marker(content, host=ssh.access.host)


def write_marker(ssh: Ssh, marker: Marker) -> bool:
    """Write it, at once or not at all; True when it changed."""
    return ssh.write(MARKER_PATH, marker.to_json(), mode=0o644)


def parse_marker(content: bytes, *, host: str) -> Marker:
    """Read a marker; keys that this version does not know are left alone.

    :raises HostError: NOT_OURS: not readable, incomplete, or of a newer format.
    """
    try:
        data = json.loads(content)
        if not isinstance(data, dict):
            raise ValueError("not a map")
        written = data.get("format")
        if written != _FORMAT:
            raise ValueError(f"format {written!r}; this version reads {_FORMAT}")
        owner, generation, wipe = data["owner"], data["generation"], data.get("wipe", False)
        if not isinstance(owner, str) or not owner or isinstance(generation, bool) or not isinstance(generation, int):
            raise ValueError("owner or generation is of the wrong kind")
        if not isinstance(wipe, bool):
            raise ValueError("wipe is of the wrong kind")
        return Marker(
            owner=owner,
            host=str(data["host"]),
            generation=generation,
            life=str(data["life"]),
            state=MarkerState(data["state"]),
            wipe=wipe,
            machine_id=str(data["machine_id"]),
            burn_in=str(data.get("burn_in", "")),
        )
    except (ValueError, KeyError) as error:
        cause = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise HostError(
            "the life marker on the host cannot be read, so its owner is not known",
            fault=HostFault.NOT_OURS,
            host=host,
            tried=[f"read {MARKER_PATH}"],
            seen=f"{cause}; it begins {content[:80]!r}",
            next_step=f"if the host is yours, remove {MARKER_PATH} on it and run again",
        ) from None
