"""A member's files on its host: user, binary, certificate, configuration, units. Starts nothing."""

from __future__ import annotations

from dataclasses import dataclass

from metal.cluster.consul import paths
from metal.cluster.consul.config import edition_of, render_config, render_unit
from metal.cluster.consul.observe import RENEW_BEFORE_DAYS
from metal.cluster.consul.registration import (
    render_entry_script,
    render_entry_timer,
    render_entry_unit,
    render_service,
    render_service_body,
    render_token_header,
)
from metal.cluster.consul.wish import MemberWish
from metal.host.archive import lacking_tools
from metal.host.artifact import fetch_artifact
from metal.host.facts import observe_facts
from metal.host.packages import Packages
from metal.host.service import ensure_unit
from metal.host.ssh import Ssh
from metal.pki.authority import BOTH
from metal.pki.host_key import ensure_host_certificate
from metal.pki.secrets import ClusterSecrets
from metal.site import Site

__all__ = ["Installed", "install", "write_config"]

_DAYS = 730

_FOLDERS = """
user=$1 data=$2 config=$3 own=$4
getent passwd "$user" >/dev/null ||
  useradd --system --user-group --home-dir "$data" --no-create-home --shell /usr/sbin/nologin "$user"
install -d -m 0750 -o "$user" -g "$user" "$data"
install -d -m 0750 -o root -g "$user" "$config"
install -d -m 0755 -o root -g root "$(dirname "$own")"
install -d -m 0750 -o root -g "$user" "$own"
"""


@dataclass(frozen=True)
class Installed:
    """What was put on the host, and what its configuration file may say.

    :ivar edition: what an agent that is started with these files notes as loaded.
    :ivar steady: text of the configuration of a member of a formed cluster.
    :ivar birth: text of the same for a birth with so many servers; equal to `steady` for clients.
    """

    edition: str
    steady: str
    birth: str
    service: str


def install(
    site: Site, ssh: Ssh, wish: MemberWish, secrets: ClusterSecrets, *, expect: int, in_service: bool
) -> Installed:
    """Have everything on the host but the configuration file, whose form depends on whether the cluster was formed.

    :param expect: servers that a birth would wait for.
    :param in_service: the agent is up, or was a server of a formed cluster.
    :raises PlanRefused: it is in service, with certificates of another seed.
    """
    packages = site.run.deadline(site.fleet.deadlines.packages)
    ssh.script(_FOLDERS, paths.USER, paths.DATA, paths.CONFIG_FOLDER, paths.OWN_FOLDER)
    for tool in lacking_tools(ssh, wish.artifact.url):
        Packages.for_host(ssh, observe_facts(ssh)).ensure(tool, "*", packages, pin=False)
    fetch_artifact(ssh, wish.artifact, paths.BINARY, 0o755)
    role = "server" if wish.server else "client"
    certificate = ensure_host_certificate(
        ssh,
        authority=wish.authority(site),
        name=f"{role}.{wish.datacenter}.consul",
        names=[f"{role}.{wish.datacenter}.consul", "localhost"],
        addresses=["127.0.0.1"],
        usages=BOTH,
        days=_DAYS,
        renew_before_days=RENEW_BEFORE_DAYS,
        directory=paths.TLS_FOLDER,
        owner=f"{paths.USER}:{paths.USER}",
        in_service=in_service,
        deadline=packages,
    )
    service = render_service(wish, secrets)
    ssh.write(paths.SERVICE_BODY, render_service_body(wish), mode=0o640, owner=paths.OWNER)
    ssh.write(paths.TOKEN_HEADER, render_token_header(wish, secrets), mode=0o600, owner=f"{paths.USER}:{paths.USER}")
    ssh.write(paths.ENTRY_SCRIPT, render_entry_script(wish), mode=0o755)
    unit = render_unit()
    ensure_unit(ssh, paths.UNIT, unit)
    ensure_unit(ssh, paths.ENTRY_UNIT, render_entry_unit())
    ensure_unit(ssh, paths.ENTRY_TIMER, render_entry_timer())
    steady = render_config(wish, secrets, expect=None)
    birth = render_config(wish, secrets, expect=expect) if wish.server else steady
    edition = edition_of(steady, unit + service + wish.artifact.version + certificate.fingerprint)
    return Installed(edition, steady, birth, service)


def write_config(ssh: Ssh, installed: Installed, *, birth: bool) -> bool:
    """Write the configuration, and the edition that an agent started from now on notes as its own.

    The service comes after the birth: its token is made only then. True when anything changed but the edition.
    """
    ssh.write(paths.EDITION, installed.edition, mode=0o644)
    changed = ssh.write(paths.CONFIG, installed.birth if birth else installed.steady, mode=0o640, owner=paths.OWNER)
    if not birth:
        changed |= ssh.write(paths.SERVICE, installed.service, mode=0o640, owner=paths.OWNER)
    return changed
