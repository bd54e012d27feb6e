"""Moves the whole datacenter to another gossip key, through one agent: no agent is restarted for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from metal.cluster.consul import paths
from metal.cluster.consul.api import ConsulApi, ConsulRefused, ConsulSilent
from metal.errors import ClusterError
from metal.host.ssh import Ssh
from metal.plan.rotation import Keyring, KeyringVerb, keyring_step
from metal.waiting import Deadline, Pending, wait_until

__all__ = ["discard_stale_keyring", "has_stale_keyring", "is_stale", "read_keyring", "rotate_gossip"]

_DOING = {KeyringVerb.INSTALL: "installed", KeyringVerb.USE: "put into use", KeyringVerb.REMOVE: "the old one removed"}


def rotate_gossip(api: ConsulApi, key: str, *, host: str, deadline: Deadline) -> None:
    """Have `key`, and no other, in the keyring of every member that gossip sees; each step is checked on all of them.

    :param host: who waits, for messages.
    :raises ClusterError: a member did not take part in time; both keys are in use then, and the next run goes on.
    Source: Consul 1.15 API, operator/keyring.
    """
    acts: dict[KeyringVerb, Callable[[dict[str, str]], Any]] = {
        KeyringVerb.INSTALL: lambda body: api.post("operator/keyring", body),
        KeyringVerb.USE: lambda body: api.put("operator/keyring", body),
        KeyringVerb.REMOVE: lambda body: api.delete("operator/keyring", body),
    }

    def probe() -> bool | Pending:
        step = keyring_step(key, read_keyring(api))
        if step is None:
            return True
        acts[step.verb]({"Key": step.key})
        return Pending(f"the new key is {_DOING[step.verb]}" if step.key == key else _DOING[step.verb])

    wait_until(
        "every member of Consul has the new gossip key and no other",
        probe,
        deadline=deadline,
        fail=lambda late, seen: ClusterError(
            late,
            seen=seen,
            next_step="see `consul keyring -list` and `consul members` on a server, then run again; both keys work",
        ),
        interval=0.3,
        host=host,
        passing=(ConsulSilent, ConsulRefused),
    )


def read_keyring(api: ConsulApi) -> Keyring:
    """The keyrings of the members that gossip sees, as they answer for themselves."""
    rings = [ring for ring in api.get("operator/keyring") or [] if not ring.get("WAN")]
    # Only one segment, the default, exists in the edition that is installed.
    ring = rings[0] if rings else {}
    return Keyring(int(ring.get("NumNodes") or 0), ring.get("Keys") or {}, ring.get("PrimaryKeys") or {})


def is_stale(content: bytes | None, key: str) -> bool:
    """Whether an agent that starts with this keyring file could not talk to a datacenter that uses `key` alone."""
    if content is None:
        return False
    try:
        return bool(json.loads(content) != [key])
    except ValueError:
        return True


def has_stale_keyring(ssh: Ssh, key: str) -> bool:
    return is_stale(ssh.read(paths.KEYRING), key)


def discard_stale_keyring(ssh: Ssh, key: str) -> bool:
    """Let an agent that missed a rotation start with the key of its configuration; true when it had another one.

    Serf reads the configured key only where there is no keyring file.
    """
    return has_stale_keyring(ssh, key) and ssh.remove(paths.KEYRING)
