"""What runs on one host of a swarm that is to be taken over."""

from __future__ import annotations

import json
import re
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from metal.adopt.consul import see_consul
from metal.adopt.sight import EngineSight, HostSight, ManagerSight, NodeSight
from metal.cluster.docker.daemon import TLS_DIRECTORY, without_ours
from metal.cluster.docker.observe import has_tls
from metal.cluster.stackengine.files import BINARY, CONFIG, parse_arguments
from metal.host.facts import Facts, observe_facts
from metal.host.marker import read_marker
from metal.host.packages import Packages
from metal.host.ssh import Ssh

__all__ = ["see_host"]

_PACKAGES = ("docker.io", "docker-ce", "moby-engine")
_VIRTUAL = re.compile(r"docker|veth|br-|virbr|vxlan|cali|flannel|tun|tap")
_SOCKET = "/etc/systemd/system/metalswarm-swarm-port.socket"


def see_host(ssh: Ssh, node: NodeSight) -> HostSight:
    """Look at a host that answers.

    :raises HostError: it cannot be asked, or its marker cannot be read.
    """
    facts = observe_facts(ssh)
    return HostSight(
        node=node,
        address=ssh.access.address,
        host_key=ssh.host_key,
        release=facts.release,
        serial=facts.serial,
        uuid=facts.uuid,
        macs=tuple(mac for name, mac in facts.macs.items() if not _VIRTUAL.match(name)),
        marker=read_marker(ssh),
        engine=_engine(ssh, facts),
        consul=see_consul(ssh),
        manager=_manager(ssh),
    )


def _engine(ssh: Ssh, facts: Facts) -> EngineSight:
    package, version = _package(ssh, facts)
    content = ssh.read("/etc/docker/daemon.json")
    rest = without_ours(content.decode("utf-8", "replace")) if content else None
    daemon = _object(rest) if rest else {}
    if not has_tls(ssh):
        return EngineSight(package, version, daemon)
    cluster, ca = _authority(ssh.read(f"{TLS_DIRECTORY}/ca.pem"))
    return EngineSight(package, version, daemon, ours=True, cluster=cluster, ca=ca, port=_port(ssh))


def _package(ssh: Ssh, facts: Facts) -> tuple[str, str]:
    packages = Packages.for_host(ssh, facts)
    for name in _PACKAGES:
        version = packages.installed(name)
        if version:
            return name, version
    return "", ""


def _authority(pem: bytes | None) -> tuple[str, int]:
    """Cluster and rotation number, from the subject that :mod:`metal.pki.authority` gives."""
    try:
        subject = x509.load_pem_x509_certificate(pem or b"").subject
    except ValueError:
        return "", 1
    names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    found = re.fullmatch(r"metalswarm (\S+) CA (\d+)", str(names[0].value)) if names else None
    return (found[1], int(found[2])) if found else ("", 1)


def _port(ssh: Ssh) -> int:
    content = ssh.read(_SOCKET)
    found = re.search(r"^ListenStream=.*:(\d+)$", content.decode(), re.MULTILINE) if content else None
    return int(found[1]) if found else 0


def _manager(ssh: Ssh) -> ManagerSight | None:
    """The container manager's own flags; its key is in the same file and goes no further than here."""
    content = ssh.read(CONFIG)
    arguments = parse_arguments(content.decode("utf-8", "replace")) if content else None
    if arguments is None:
        return None
    digest = ssh.run(["sha256sum", "--", BINARY], check=False).stdout.partition(" ")[0]
    return ManagerSight(arguments.admin, digest)


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return dict(found) if isinstance(found, dict) else {}
