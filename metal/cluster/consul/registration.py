"""How a host stands in Consul as a node of the swarm: a service with a check, and a line in the classic node list."""

from __future__ import annotations

import json
from typing import Any

from metal.cluster.consul import paths
from metal.cluster.consul.wish import MemberWish
from metal.pki.secrets import ClusterSecrets
from metal.settings.endpoint import with_port

__all__ = [
    "guest_service",
    "node_key",
    "render_entry_script",
    "render_entry_timer",
    "render_entry_unit",
    "render_service",
    "render_service_body",
    "render_swarm_policy",
    "render_token_header",
    "session_body",
]


_CHECK = "swarm-gossip"
_CHECK_NAME = "swarm gossip port"
_INTERVAL = "5s"
_TIMEOUT = "2s"
# Consul's least is one minute; long enough for a maintenance of the engine.
_DEREGISTER_AFTER = "60m"


def line_key(address: str) -> str:
    """The key in the classic node list of a host at an address."""
    return f"{paths.NODE_PREFIX}/{with_port(address, paths.ENGINE_PORT)}"


def node_key(wish: MemberWish) -> str:
    """The host's key in the classic node list, as the 2015 swarm agents wrote it."""
    return line_key(wish.address)


def render_service(wish: MemberWish, secrets: ClusterSecrets, *, acls: bool = True) -> str:
    """The service definition; holds the registration token.

    The check asks for the swarm's gossip port: registered before the join, passing only after it.
    """
    service: dict[str, Any] = {
        "id": paths.SWARM_SERVICE,
        "name": paths.SWARM_SERVICE,
        "address": wish.address,
        "port": paths.ENGINE_PORT,
        **({"token": secrets.swarm_token(wish.host)} if acls else {}),
        "checks": [
            {
                "id": _CHECK,
                "name": _CHECK_NAME,
                "tcp": with_port(wish.address, paths.SWARM_GOSSIP_PORT),
                "interval": _INTERVAL,
                "timeout": _TIMEOUT,
                "deregister_critical_service_after": _DEREGISTER_AFTER,
            }
        ],
    }
    return json.dumps({"service": service}, indent=2, sort_keys=True) + "\n"


def render_service_body(wish: MemberWish) -> str:
    """The same service in the form of the agent's API; without the token."""
    body = {
        "ID": paths.SWARM_SERVICE,
        "Name": paths.SWARM_SERVICE,
        "Address": wish.address,
        "Port": paths.ENGINE_PORT,
        "Checks": [
            {
                "CheckID": _CHECK,
                "Name": _CHECK_NAME,
                "TCP": with_port(wish.address, paths.SWARM_GOSSIP_PORT),
                "Interval": _INTERVAL,
                "Timeout": _TIMEOUT,
                "DeregisterCriticalServiceAfter": _DEREGISTER_AFTER,
            }
        ],
    }
    return json.dumps(body, indent=2, sort_keys=True) + "\n"


def guest_service(wish: MemberWish) -> dict[str, Any]:
    """The same service for an agent of somebody else's.

    Without a time after which it is dropped: nothing of ours is on the host to bring it back.
    """
    body: dict[str, Any] = json.loads(render_service_body(wish))
    for check in body["Checks"]:
        del check["DeregisterCriticalServiceAfter"]
    return body


def session_body() -> dict[str, Any]:
    """The session that holds a host's line: it ends when gossip calls the host failed, and the line with it."""
    return {"Name": paths.SWARM_SERVICE, "Behavior": "delete", "LockDelay": "1ms", "NodeChecks": ["serfHealth"]}


def render_swarm_policy(wish: MemberWish) -> str:
    """What the registration token may do: this host's service, its sessions, its one key."""
    return f"""\
service "{paths.SWARM_SERVICE}" {{ policy = "write" }}
session "{wish.host}" {{ policy = "write" }}
key "{node_key(wish)}" {{ policy = "write" }}
"""


def render_token_header(wish: MemberWish, secrets: ClusterSecrets) -> str:
    """The registration token as a header line for curl, so that it shows in no argument list."""
    return f"X-Consul-Token: {secrets.swarm_token(wish.host)}\n"


def render_entry_script(wish: MemberWish) -> str:
    """A script that puts the host's line into the node list when it is not there. Holds no secret.

    The line belongs to a session that ends when gossip calls the host failed, and then it vanishes by itself.
    """
    gossip = f"{paths.SWARM_GOSSIP_PORT:04X}"
    session, line = json.dumps(session_body()), with_port(wish.address, paths.ENGINE_PORT)
    return f"""\
#!/bin/sh
# Keeps this host's line of the swarm's node list in Consul. Does nothing when it is there.
set -eu
api=https://localhost:{paths.HTTPS_PORT}/v1
key={node_key(wish)}
call() {{
  curl --silent --show-error --max-time 8 --cacert {paths.TLS_FOLDER}/ca.pem --header @{paths.TOKEN_HEADER} "$@"
}}

# Consul drops a service whose check failed for long; it comes back with the swarm.
if [ "$(call --output /dev/null --write-out '%{{http_code}}' "$api/agent/service/{paths.SWARM_SERVICE}")" = 404 ] &&
   grep -qi ':{gossip} [0-9A-F]*:0000 0A ' /proc/net/tcp /proc/net/tcp6; then
  call --fail --request PUT --data @{paths.SERVICE_BODY} "$api/agent/service/register"
fi

case $(call "$api/kv/$key") in
*'"Session":"'*) exit 0 ;;
esac
session=$(call --request PUT --data '{session}' "$api/session/create" | sed -n 's/.*"ID":"\\([0-9a-f-]*\\)".*/\\1/p')
[ -n "$session" ] || {{ echo "Consul gave no session" >&2; exit 1; }}
if [ "$(call --request PUT --data '{line}' "$api/kv/$key?acquire=$session")" != true ]; then
  call --output /dev/null --request PUT "$api/session/destroy/$session"
  echo "Consul did not take the entry" >&2
  exit 1
fi
"""


def render_entry_unit() -> str:
    """Runs the script once; the timer below runs it again and again while the agent is up."""
    return f"""\
[Unit]
Description=Line of this host in the swarm's node list in Consul
After={paths.UNIT}
Requisite={paths.UNIT}

[Service]
Type=oneshot
User={paths.USER}
Group={paths.USER}
ExecStart={paths.ENTRY_SCRIPT}
TimeoutStartSec=40
NoNewPrivileges=yes
ProtectSystem=strict
LogLevelMax=notice
"""


def render_entry_timer() -> str:
    return f"""\
[Unit]
Description=Keeps the line of this host in the swarm's node list in Consul
After={paths.UNIT}
BindsTo={paths.UNIT}

[Timer]
OnActiveSec=1s
OnUnitInactiveSec=10s
AccuracySec=1s

[Install]
WantedBy={paths.UNIT}
"""
