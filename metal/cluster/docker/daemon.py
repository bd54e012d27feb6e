"""What goes into daemon.json and the engine's unit: pure functions of wish and what was found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from metal.cluster.docker.wish import TLS_PORT
from metal.errors import PlanRefused
from metal.settings.endpoint import every_address

__all__ = ["TLS_DIRECTORY", "daemon_json", "foreign_keys", "listening_drop_in", "without_ours"]

TLS_DIRECTORY = "/etc/docker/metalswarm"

_OURS: dict[str, Any] = {
    "tls": True,
    "tlsverify": True,
    "tlscacert": f"{TLS_DIRECTORY}/ca.pem",
    "tlscert": f"{TLS_DIRECTORY}/cert.pem",
    "tlskey": f"{TLS_DIRECTORY}/key.pem",
}


def daemon_json(user: Mapping[str, Any], *, host: str, in_swarm: bool) -> str:
    """Return the content of daemon.json: the user's keys and ours, sorted.

    :param user: keys from the settings; may not touch how the engine is reached.
    :param in_swarm: whether the host is meant for a swarm.
    :raises PlanRefused: for a key that is ours, or one that a swarm does not work with.
    Source: dockerd reference, "Daemon configuration file".
    """
    taken = sorted(key for key in user if key == "hosts" or key.startswith("tls"))
    if taken:
        raise PlanRefused(
            f"docker.daemon sets {', '.join(taken)}, which decide who may reach the engine",
            host=host,
            next_step="take them out of docker.daemon; the engine listens on its socket and with mutual TLS on "
            f"{TLS_PORT}",
        )
    if in_swarm and user.get("live-restore"):
        raise PlanRefused(
            "docker.daemon sets live-restore, and an engine with it refuses to join a swarm",
            host=host,
            next_step="take live-restore out of docker.daemon",
        )
    return json.dumps({**user, **_OURS}, indent=2, sort_keys=True) + "\n"


def without_ours(content: str) -> str | None:
    """Return daemon.json as it is without our keys; None when nothing would be left."""
    try:
        found = json.loads(content)
    except ValueError:
        return content
    if not isinstance(found, dict):
        return content
    rest = {key: value for key, value in found.items() if key not in _OURS or value != _OURS[key]}
    return json.dumps(rest, indent=2, sort_keys=True) + "\n" if rest else None


def foreign_keys(found: str | None, written: str | None, wanted: str) -> list[str]:
    """Return the settings in a daemon.json that we did not write and that would get lost, sorted.

    :param found: the file on the host, or None.
    :param written: what we wrote last, or None when we never did.
    :param wanted: what we are about to write.
    """
    if found is None or written is not None or not found.strip():
        return []
    try:
        present, to_be = json.loads(found), json.loads(wanted)
    except ValueError:
        return ["(the file is not JSON)"]
    if not isinstance(present, dict):
        return ["(the file is not a JSON object)"]
    return sorted(key for key, value in present.items() if key not in to_be or to_be[key] != value)


def listening_drop_in(fragment: str, *, host: str, address: str) -> str:
    """Return a drop-in that has the packaged unit listen on its socket and on the TLS port.

    The packaged command line is kept and extended, because paths and containerd options differ between packages, and
    `-H` on it forbids "hosts" in daemon.json.

    :param fragment: the unit file as the package ships it.
    :param address: the host's own.
    :raises PlanRefused: when the unit starts no dockerd.
    Source: systemd.service(5), ExecStart; dockerd reference, "Daemon socket option".
    """
    command = ""
    for line in fragment.replace("\\\n", " ").splitlines():
        key, _, value = line.partition("=")
        if key.strip() == "ExecStart":
            command = value.strip()
    if "dockerd" not in command:
        raise PlanRefused(
            "the unit docker.service starts no dockerd that could be told where to listen",
            host=host,
            tried=["read ExecStart= of the packaged unit"],
            next_step="name the package that brings docker.service in docker.package",
        )
    words = command.split()
    if not any(word in ("-H", "--host") or word.startswith(("-H", "--host=")) for word in words):
        command += " -H unix:///var/run/docker.sock"
    listen = f"-H tcp://{every_address(address)}:{TLS_PORT}"
    # Options from an environment file stay last, so that they still win over what the package says.
    head, dollar, tail = command.partition(" $")
    return f"[Service]\nExecStart=\nExecStart={head} {listen}{dollar}{tail}\n"
