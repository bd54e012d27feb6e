#!/bin/sh
# Keeps this host's line of the swarm's node list in Consul. Does nothing when it is there.
set -eu
api=https://localhost:8501/v1
key=docker-swarm/docker/swarm/nodes/10.0.0.4:2376
call() {
  curl --silent --show-error --max-time 8 --cacert /etc/consul.d/tls/ca.pem --header @/etc/metalswarm/consul/swarm-token.header "$@"
}

# Consul drops a service whose check failed for long; it comes back with the swarm.
if [ "$(call --output /dev/null --write-out '%{http_code}' "$api/agent/service/docker-swarm")" = 404 ] &&
   grep -qi ':1F0A [0-9A-F]*:0000 0A ' /proc/net/tcp /proc/net/tcp6; then
  call --fail --request PUT --data @/etc/metalswarm/consul/service.json "$api/agent/service/register"
fi

case $(call "$api/kv/$key") in
*'"Session":"'*) exit 0 ;;
esac
session=$(call --request PUT --data '{"Name": "docker-swarm", "Behavior": "delete", "LockDelay": "1ms", "NodeChecks": ["serfHealth"]}' "$api/session/create" | sed -n 's/.*"ID":"\([0-9a-f-]*\)".*/\1/p')
[ -n "$session" ] || { echo "Consul gave no session" >&2; exit 1; }
if [ "$(call --request PUT --data '10.0.0.4:2376' "$api/kv/$key?acquire=$session")" != true ]; then
  call --output /dev/null --request PUT "$api/session/destroy/$session"
  echo "Consul did not take the entry" >&2
  exit 1
fi
