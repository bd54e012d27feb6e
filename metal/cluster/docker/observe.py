"""Looks at a host's Docker Engine; changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from metal.cluster.disrupt import DRAINED_NOTE
from metal.cluster.docker import paths
from metal.cluster.docker.api import DockerApi, EngineSilent
from metal.cluster.docker.daemon import TLS_DIRECTORY
from metal.cluster.docker.wish import EngineSeen, EngineWish
from metal.host.service import observe_unit
from metal.host.ssh import Ssh
from metal.settings.access import Access
from metal.site import Site
from metal.waiting import LOOK_SECONDS

__all__ = ["as_text", "has_tls", "in_swarm", "observe_engine", "swarm_state"]


def observe_engine(site: Site, access: Access) -> EngineSeen:
    """Look at the engine of a host; changes nothing.

    :raises HostError: the host cannot be asked.
    """
    ssh = site.ssh.connect(access, deadline=site.run.deadline(LOOK_SECONDS))
    unit = observe_unit(ssh, paths.UNIT)
    if unit.load == "not-found":
        return EngineSeen(installed=False, active=False)
    certificate, not_after = _certificate_seen(ssh)
    drained = ssh.read(DRAINED_NOTE) is not None
    seen = EngineSeen(installed=True, active=unit.up, certificate=certificate, not_after=not_after, drained=drained)
    if not unit.up:
        return seen
    try:
        with DockerApi(ssh, timeout=10) as api:
            info = api.info()
    except EngineSilent:
        return seen
    return EngineSeen(True, True, str(info["ServerVersion"]), swarm_state(info), certificate, not_after, drained)


def swarm_state(info: Mapping[str, Any]) -> str:
    """An engine's word about its membership: inactive, pending, active, error or locked.

    :param info: of its `/info`.
    """
    return str((info.get("Swarm") or {}).get("LocalNodeState") or "inactive")


def has_tls(ssh: Ssh) -> bool:
    """Whether the engine was started by us, and so listens with our mutual TLS."""
    return ssh.read(paths.STARTED) is not None


def in_swarm(ssh: Ssh, wish: EngineWish) -> bool:
    """Whether the host belongs to a swarm, by what lies on its disk: the engine need not run."""
    root = str(wish.daemon.get("data-root", "/var/lib/docker"))
    return ssh.read(f"{root}/swarm/docker-state.json") is not None


def _certificate_seen(ssh: Ssh) -> tuple[str | None, str | None]:
    content = ssh.read(f"{TLS_DIRECTORY}/cert.pem")
    try:
        certificate = x509.load_pem_x509_certificate(content or b"")
    except ValueError:
        return None, None
    return certificate.fingerprint(hashes.SHA256()).hex(), certificate.not_valid_after_utc.isoformat()


def as_text(content: bytes | None) -> str | None:
    return None if content is None else content.decode("utf-8", "replace")
