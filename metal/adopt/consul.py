"""Whether a Consul agent runs on a host, whose it is, and how it is asked."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx

from metal.adopt.sight import ConsulSight
from metal.cluster.consul import paths
from metal.host.archive.install import stamp_of
from metal.host.ssh import Ssh
from metal.settings.endpoint import with_port

__all__ = ["parse_listening", "see_consul"]

# Consul's ports that are no HTTP API: RPC, gossip, gRPC, DNS.
_OTHER = frozenset({8300, 8301, 8302, 8502, 8503, 8600})
_SECONDS = 6.0


def see_consul(ssh: Ssh) -> ConsulSight | None:
    """The agent on a host; None where none runs.

    :raises HostError: the host cannot be asked.
    """
    config = ssh.read(paths.CONFIG)
    if config is not None:
        return _ours(ssh, config)
    listening = parse_listening(ssh.run(["ss", "-Hltnp"]).stdout)
    if not listening:
        return None
    for address, port in listening:
        for scheme in ("http", "https") if port not in _OTHER else ():
            seen = _ask(ssh, scheme, address, port)
            if seen is not None:
                return seen
    server = any(port == paths.RPC_PORT for _, port in listening)
    return ConsulSight(ours=False, api="", datacenter="", server=server, version="", acls=False)


def parse_listening(text: str) -> tuple[tuple[str, int], ...]:
    """Where a process called consul listens, by address and port, loopback first; from `ss -Hltnp`.

    An agent that listens on every address is asked on the loopback one.
    """
    found = set()
    for line in text.splitlines():
        fields = line.split()
        if len(fields) < 4 or '"consul"' not in line:
            continue
        address, _, port = fields[3].rpartition(":")
        address = address.strip("[]").partition("%")[0]
        found.add(("127.0.0.1" if address in ("*", "0.0.0.0", "::", "::1") else address, int(port)))  # noqa: S104
    return tuple(sorted(found, key=lambda one: (not one[0].startswith("127."), one[1], one[0])))


def _ask(ssh: Ssh, scheme: str, address: str, port: int) -> ConsulSight | None:
    """What an agent tells anybody. Its certificate is not verified: nothing is told to it."""
    base = f"{scheme}://{with_port(address, port)}"
    try:
        with (
            ssh.tunnel_port(port, address) as path,
            httpx.Client(
                transport=httpx.HTTPTransport(uds=str(path), verify=False),
                base_url=base,
                timeout=_SECONDS,
                trust_env=False,
            ) as http,
        ):
            leader = http.get("/v1/status/leader")
            if leader.status_code != httpx.codes.OK:
                return None
            own = http.get("/v1/agent/self")
            # 401 is "ACL support disabled".
            acls = http.get("/v1/acl/policies").status_code != httpx.codes.UNAUTHORIZED
            known = http.get("/v1/catalog/datacenters")
    except httpx.TransportError:
        return None
    config: dict[str, Any] = (_json(own) or {}).get("Config") or {}
    datacenters = _json(known) or []
    return ConsulSight(
        ours=False,
        api=base,
        datacenter=str(config.get("Datacenter") or (datacenters[0] if len(datacenters) == 1 else "")),
        server=bool(config.get("Server")),
        version=str(config.get("Version") or ""),
        acls=acls,
    )


def _json(answer: httpx.Response) -> Any:
    if answer.status_code != httpx.codes.OK:
        return None
    try:
        return answer.json()
    except ValueError:
        return None


def _ours(ssh: Ssh, config: bytes) -> ConsulSight:
    """An agent that we set up; the secrets in its file go no further than here."""
    try:
        found = json.loads(config)
    except ValueError:
        found = {}
    said = ssh.run([paths.BINARY, "version"], check=False).stdout
    version = re.search(r"Consul v(\S+)", said)
    stamp = stamp_of(ssh, paths.BINARY)
    digest = stamp or ssh.run(["sha256sum", "--", paths.BINARY], check=False).stdout.partition(" ")[0]
    return ConsulSight(
        ours=True,
        api=f"https://127.0.0.1:{paths.HTTPS_PORT}",
        datacenter=str(found.get("datacenter", "")),
        server=bool(found.get("server")),
        version=version[1] if version else "",
        acls="acl" in found,
        sha256=digest,
        archive=stamp is not None,
    )
