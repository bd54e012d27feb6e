"""The agent's configuration file and unit, rendered from the wish: pure, and the same text for the same wish."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from metal.cluster.consul import paths
from metal.cluster.consul.wish import MemberWish
from metal.pki.secrets import ClusterSecrets
from metal.settings.consul_secret import ConsulSecret
from metal.settings.endpoint import with_port

__all__ = ["edition_of", "render_config", "render_unit"]

# 1 is Consul's production timing: heartbeat and election time-outs of 1 s, lease 0.5 s
# (agent configuration reference, performance.raft_multiplier).
_RAFT_MULTIPLIER = 1
# Used at the start only, or kept up through the API: a change needs no restart.
_LIVE = ("retry_join", "autopilot", "encrypt")


def render_config(
    wish: MemberWish, secrets: ClusterSecrets, *, expect: int | None, outside: ConsulSecret | None = None
) -> str:
    """The text of /etc/consul.d/metalswarm.json; holds secrets.

    :param expect: number of servers that a birth waits for; None once the cluster has formed, and for clients. Left in
        the file, it would let servers that lost their data found a second cluster.
    :param outside: what the existing Consul asks for, whose client this agent is; None in a cluster of our own.
    Source: Consul 1.15 agent configuration reference.
    """
    tokens: dict[str, str] = {"agent": secrets.agent_token(wish.host)}
    if expect is not None:
        # The agent's own token can be made only once there is a leader. An agent refused until then would try again as
        # late as half a minute after it was made; so it starts with the one token that every birth knows.
        tokens["agent"] = tokens["initial_management"] = secrets.management_token
    config: dict[str, Any] = {
        "node_name": wish.host,
        "node_id": wish.node_id(secrets),
        "datacenter": wish.datacenter,
        "server": wish.server,
        "data_dir": paths.DATA,
        "bind_addr": wish.address,
        "advertise_addr": wish.address,
        "client_addr": "127.0.0.1",
        "ports": {"http": -1, "https": paths.HTTPS_PORT, "grpc": -1, "grpc_tls": -1, "dns": -1, "serf_wan": -1},
        "retry_join": [_joined(address) for name, address in sorted(wish.servers.items()) if name != wish.host],
        "retry_interval": "3s",
        "encrypt": secrets.gossip_key,
        "leave_on_terminate": not wish.server,
        "skip_leave_on_interrupt": True,
        "disable_update_check": True,
        "disable_remote_exec": True,
        "enable_local_script_checks": False,
        "ui_config": {"enabled": False},
        "performance": {"raft_multiplier": _RAFT_MULTIPLIER},
        "tls": {
            "defaults": {
                "ca_file": f"{paths.TLS_FOLDER}/ca.pem",
                "cert_file": f"{paths.TLS_FOLDER}/cert.pem",
                "key_file": f"{paths.TLS_FOLDER}/key.pem",
                "verify_incoming": True,
                "verify_outgoing": True,
                "tls_min_version": "TLSv1_2",
            },
            "internal_rpc": {"verify_server_hostname": True},
            # Loopback only; its callers prove themselves by a token.
            "https": {"verify_incoming": False},
        },
        "acl": {
            "enabled": True,
            "default_policy": "deny",
            "down_policy": "extend-cache",
            "enable_token_persistence": True,
            "tokens": tokens,
        },
    }
    if wish.server:
        config["autopilot"] = {"min_quorum": len(wish.servers)}
    if expect is not None:
        config["bootstrap_expect"] = expect
    if outside is not None:
        _join_existing(config, wish, outside)
    return json.dumps(config, indent=2, sort_keys=True) + "\n"


def _joined(address: str) -> str:
    """A server's address in `retry_join`: a literal IPv6 one must be in brackets, and then names its port."""
    return with_port(address, paths.SERF_PORT) if ":" in address else address


def _join_existing(config: dict[str, Any], wish: MemberWish, outside: ConsulSecret) -> None:
    """Turn the configuration of a client of ours into that of a client of an existing datacenter.

    Its own API keeps our certificates: whoever asks it is us. Towards the datacenter it shows what that one knows.
    """
    assert wish.external is not None
    config["retry_join"] = [_joined(address) for address in wish.external.servers]
    if outside.gossip:
        config["encrypt"] = outside.gossip
    else:
        del config["encrypt"]
    if not outside.token:
        del config["acl"]
    ours = config["tls"]["defaults"]
    config["tls"]["https"] |= {key: ours[key] for key in ("ca_file", "cert_file", "key_file")}
    config["tls"]["defaults"] = {"tls_min_version": "TLSv1_2"}
    if outside.ca:
        config["tls"]["defaults"] |= {"ca_file": paths.OUTSIDE_CA, "verify_outgoing": True}
        if outside.certificate:
            config["tls"]["defaults"] |= {"cert_file": paths.OUTSIDE_CERTIFICATE, "key_file": paths.OUTSIDE_KEY}
    else:
        del config["tls"]["internal_rpc"]


def render_unit() -> str:
    """The systemd unit of the agent. It notes which edition of its files it was started with."""
    return f"""\
[Unit]
Description=Consul agent
Documentation=https://developer.hashicorp.com/consul
Wants=network-online.target
After=network-online.target
ConditionFileNotEmpty={paths.CONFIG}
StartLimitIntervalSec=0

[Service]
Type=exec
User={paths.USER}
Group={paths.USER}
RuntimeDirectory=consul
ExecStartPre=/bin/cp {paths.EDITION} {paths.LOADED_EDITION}
ExecStart={paths.BINARY} agent -config-dir={paths.CONFIG_FOLDER}
ExecReload=/bin/kill --signal HUP $MAINPID
KillMode=process
KillSignal=SIGTERM
TimeoutStopSec=30
Restart=always
RestartSec=2
LimitNOFILE=65536
NoNewPrivileges=yes

[Install]
WantedBy=multi-user.target
"""


def edition_of(config: str, rest: str) -> str:
    """A fingerprint of everything that takes a restart of the agent to change.

    Taken from the settings of a formed cluster, also for a birth: a reload is enough to get from one to the other.

    Secrets are not among it: a reload takes tokens and certificates, and the gossip key is kept in a keyring.

    :param rest: whatever else an agent has loaded: unit and version.
    """
    loaded = json.loads(config)
    loaded["acl"].pop("tokens")
    for key in _LIVE:
        loaded.pop(key, None)
    return hashlib.sha256((json.dumps(loaded, sort_keys=True) + rest).encode()).hexdigest()
