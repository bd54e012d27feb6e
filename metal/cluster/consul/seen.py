"""What is seen of one host in Consul, as a plain value."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["MemberSeen"]


@dataclass(frozen=True)
class MemberSeen:
    """One host in Consul, by its own agent.

    :ivar active: the agent's unit is up.
    :ivar serf: `passing` or `critical`, as the catalogue has it; None where it is not in the catalogue.
    :ivar leader: address of the raft leader; empty when there is none.
    :ivar voter: None where nobody could be asked, or for a client.
    :ivar server: what the agent runs as; None where it does not say.
    :ivar registered: the swarm node's service is in the catalogue.
    :ivar listed: the host's line is in the classic node list.
    :ivar version: of the agent; empty when it does not answer.
    :ivar not_after: end of the certificate on the host, ISO 8601, UTC; None where none was looked at.
    """

    host: str
    active: bool
    serf: str | None = None
    leader: str = ""
    voter: bool | None = None
    server: bool | None = None
    registered: bool = False
    listed: bool = False
    version: str = ""
    not_after: str | None = None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)
