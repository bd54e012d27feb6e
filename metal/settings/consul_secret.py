"""What an existing Consul asks of those who use it: token, gossip key, certificates."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields

__all__ = ["CONSUL_SECRET_FORM", "ConsulSecret", "read_consul_secret"]

CONSUL_SECRET_FORM = "the token, or a JSON map with any of token, gossip, ca, certificate, key"  # noqa: S105


@dataclass(frozen=True)
class ConsulSecret:
    """Each is empty where the Consul has no such thing. `repr` shows none.

    :ivar token: secret id; may write keys, sessions, services and nodes, and, for agents of ours, ACL tokens.
    :ivar gossip: 32 bytes in base64.
    :ivar ca: PEM of the authority of its certificates.
    :ivar certificate, key: PEM of a client certificate of that authority, where it asks for one.
    """

    token: str = field(default="", repr=False)
    gossip: str = field(default="", repr=False)
    ca: str = field(default="", repr=False)
    certificate: str = field(default="", repr=False)
    key: str = field(default="", repr=False)


def read_consul_secret(text: str) -> ConsulSecret | None:
    """None for a text that is no such secret."""
    text = text.strip()
    if not text.startswith("{"):
        return ConsulSecret(token=text) if text and text.isprintable() and " " not in text else None
    try:
        data = json.loads(text)
    except ValueError:
        return None
    known = {one.name for one in fields(ConsulSecret)}
    if not isinstance(data, dict) or not set(data) <= known or not all(isinstance(one, str) for one in data.values()):
        return None
    if bool(data.get("certificate")) != bool(data.get("key")):
        return None
    return ConsulSecret(**data)
