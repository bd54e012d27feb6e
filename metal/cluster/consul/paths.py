"""Where a member's files are, and the ports and names that others know."""

from __future__ import annotations

BINARY = "/usr/local/bin/consul"
USER = "consul"
OWNER = "root:consul"

CONFIG_FOLDER = "/etc/consul.d"
CONFIG = f"{CONFIG_FOLDER}/metalswarm.json"
SERVICE = f"{CONFIG_FOLDER}/docker-swarm.json"
TLS_FOLDER = f"{CONFIG_FOLDER}/tls"
DATA = "/var/lib/consul"
KEYRING = f"{DATA}/serf/local.keyring"

OUTSIDE_CA = f"{TLS_FOLDER}/datacenter-ca.pem"
OUTSIDE_CERTIFICATE = f"{TLS_FOLDER}/datacenter-cert.pem"
OUTSIDE_KEY = f"{TLS_FOLDER}/datacenter-key.pem"
OUTSIDE = (OUTSIDE_CA, OUTSIDE_CERTIFICATE, OUTSIDE_KEY)

OWN_FOLDER = "/etc/metalswarm/consul"
EDITION = f"{OWN_FOLDER}/edition"
TOKEN_HEADER = f"{OWN_FOLDER}/swarm-token.header"
SERVICE_BODY = f"{OWN_FOLDER}/service.json"
ENTRY_SCRIPT = f"{OWN_FOLDER}/node-entry"
LOADED_EDITION = "/run/consul/edition"
LOADED_SECRETS = "/run/consul/secrets"

UNIT = "consul.service"
ENTRY_UNIT = "metalswarm-node-entry.service"
ENTRY_TIMER = "metalswarm-node-entry.timer"

HTTPS_PORT = 8501
RPC_PORT = 8300
SERF_PORT = 8301
ENGINE_PORT = 2376
SWARM_GOSSIP_PORT = 7946

SWARM_SERVICE = "docker-swarm"
NODE_PREFIX = "docker-swarm/docker/swarm/nodes"
