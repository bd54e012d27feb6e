"""How the user's docker reaches the swarm: certificate files, and the line to type."""

from __future__ import annotations

import os
from pathlib import Path

import yaml

from cli.demo.environment import CHECKOUT, Demo
from metal.pki.authority import Authority
from metal.pki.client import client_certificate
from metal.settings import Fleet, load_fleet
from metal.settings.credentials import Credentials

__all__ = ["docker_lines", "read_fleet", "write_certificates"]

_DAYS = 30


def read_fleet(stack: str) -> Fleet:
    """The wanted state of a stack, as its file in the checkout says.

    :raises SettingsError: when it is not valid.
    """
    document = yaml.safe_load((CHECKOUT / f"Pulumi.{stack}.yaml").read_text())
    return load_fleet(document["config"]["metalswarm:fleet"], root=CHECKOUT, owner=f"metalswarm/{stack}")


def write_certificates(demo: Demo, fleet: Fleet) -> None:
    """A client certificate for each cluster, under the demo's folder (keys with mode 0600)."""
    environment = {"METALSWARM_SEED_FILE": str(demo.seed_file)}
    seed = Credentials.from_config({}, environment).seed()
    for cluster in fleet.clusters.values():
        authority = Authority.of(seed, cluster.name, cluster.identity.ca)
        certificate, key = client_certificate(authority, "demo", _DAYS)
        folder = demo.tls / cluster.name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, text in (("ca.pem", authority.certificate), ("cert.pem", certificate), ("key.pem", key)):
            _write_private(folder / name, text)


def docker_lines(demo: Demo, fleet: Fleet, docker: Path) -> list[str]:
    """One line a cluster: `docker ... node ls` on its first manager, with the certificate."""
    return [_docker_line(demo.tls / name, fleet, name, docker) for name in fleet.clusters]


def _docker_line(tls: Path, fleet: Fleet, name: str, docker: Path) -> str:
    cluster = fleet.clusters[name]
    address = fleet.hosts[cluster.managers[0]].access.address
    return (
        f"{docker} -H tcp://{address}:{cluster.swarm.port} --tlsverify"
        f" --tlscacert {tls / 'ca.pem'} --tlscert {tls / 'cert.pem'} --tlskey {tls / 'key.pem'} node ls"
    )


def _write_private(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    new.rename(path)
