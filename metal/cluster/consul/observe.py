"""What a member, its files and the raft say, as plain values."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509

from metal.cluster.consul import paths
from metal.cluster.consul.api import ConsulApi, ConsulRefused, ConsulSilent, open_api
from metal.cluster.consul.living import reachable_hosts
from metal.cluster.consul.registration import node_key
from metal.cluster.consul.servers import voters_of
from metal.cluster.consul.wish import MemberWish
from metal.errors import ClusterError, HostError
from metal.host.ssh import Ssh
from metal.plan.consul import ServerSeen
from metal.site import Site
from metal.waiting import LOOK_SECONDS

__all__ = [
    "RENEW_BEFORE_DAYS",
    "LocalFiles",
    "MemberSeen",
    "observe_files",
    "observe_member",
    "observe_others",
    "see_member",
]

# A certificate with fewer days left is made anew, with a restart of the agent.
RENEW_BEFORE_DAYS = 180

# One look at another host before a birth, in seconds.
_LOOK_SECONDS = 4.0

_FILES = """
[ -d "$1/raft" ] && [ -e "$1/raft/raft.db" ] && echo raft
[ -e "$2" ] && echo config
if [ -e "$2" ] && grep -q '"bootstrap_expect"' "$2"; then echo birth; fi
if systemctl is-active --quiet "$3"; then echo active; [ ! -e "$4" ] || echo "edition $(cat "$4")"; fi
exit 0
"""


@dataclass(frozen=True)
class LocalFiles:
    """What lies on a host.

    :ivar raft: a server's data is there.
    :ivar birth: the configuration still has the birth settings.
    :ivar active: the agent's unit is up.
    :ivar edition: what the running agent was started with; None where it is not up.
    """

    raft: bool
    config: bool
    birth: bool
    active: bool
    edition: str | None

    @property
    def formed(self) -> bool:
        """It was a server of a cluster that was formed: the birth settings are taken out only then."""
        return self.raft and self.config and not self.birth


def observe_files(ssh: Ssh) -> LocalFiles:
    """Look at a host's files and unit, in one round trip."""
    said = ssh.script(_FILES, paths.DATA, paths.CONFIG, paths.UNIT, paths.LOADED_EDITION).stdout.split("\n")
    edition = next((line.removeprefix("edition ") for line in said if line.startswith("edition ")), None)
    return LocalFiles("raft" in said, "config" in said, "birth" in said, "active" in said, edition)


def observe_others(site: Site, wish: MemberWish) -> dict[str, ServerSeen]:
    """What the other hosts of the cluster say about whether it was formed; who does not answer in time is left out.

    A single wanted server has no peer that could warn it, so then every host of the cluster is asked.
    """
    cluster = site.fleet.clusters.get(wish.cluster)
    names = list(wish.servers)
    if len(names) == 1 and cluster is not None:
        names = list(cluster.hosts)
    names = reachable_hosts(site, names, without=wish.host)
    if not names:
        return {}
    with ThreadPoolExecutor(max_workers=min(8, len(names))) as pool:
        seen = dict(zip(names, pool.map(lambda name: _formed(site, wish, name), names), strict=True))
    return {name: word for name, word in seen.items() if word is not None}


def _formed(site: Site, wish: MemberWish, host: str) -> ServerSeen | None:
    try:
        ssh = site.ssh.connect(site.access(host), deadline=site.run.deadline(_LOOK_SECONDS))
        files = observe_files(ssh)
        if files.formed or not files.active:
            return ServerSeen(files.formed)
        with open_api(ssh, wish.authority(site).certificate, "") as api:
            return ServerSeen(bool(api.leader()))
    except (HostError, ClusterError):
        return None


@dataclass(frozen=True)
class MemberSeen:
    """One host in Consul, by its own agent.

    :ivar active: the agent's unit is up.
    :ivar serf: `passing` or `critical`, as the catalogue has it; None where it is not in the catalogue.
    :ivar leader: address of the raft leader; empty when there is none.
    :ivar voter: None where nobody could be asked, or for a client.
    :ivar registered: the swarm node's service is in the catalogue.
    :ivar listed: the host's line is in the classic node list.
    :ivar version: of the agent; empty when it does not answer.
    :ivar renewal_due: its certificate ends soon.
    """

    host: str
    active: bool
    serf: str | None = None
    leader: str = ""
    voter: bool | None = None
    registered: bool = False
    listed: bool = False
    version: str = ""
    renewal_due: bool = False

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def observe_member(site: Site, wish: MemberWish) -> MemberSeen:
    """Ask the host's own agent; an agent that is down or refuses is an observation, a host that is away an error.

    :raises HostError: the host cannot be reached.
    """
    ssh = site.ssh.connect(wish.access, deadline=site.run.deadline(LOOK_SECONDS))
    files = observe_files(ssh)
    if not files.active:
        return MemberSeen(wish.host, active=False)
    try:
        with open_api(ssh, wish.authority(site).certificate, wish.secrets(site).management_token) as api:
            seen = see_member(api, wish)
    except (ConsulSilent, ConsulRefused):
        seen = MemberSeen(wish.host, active=True)
    return replace(seen, renewal_due=_ends_soon(ssh.read(f"{paths.TLS_FOLDER}/cert.pem")))


def _ends_soon(certificate: bytes | None) -> bool:
    try:
        end = x509.load_pem_x509_certificate(certificate or b"").not_valid_after_utc
    except ValueError:
        return False
    return end - datetime.now(UTC) < timedelta(days=RENEW_BEFORE_DAYS)


def see_member(api: ConsulApi, wish: MemberWish) -> MemberSeen:
    """What an agent of the cluster says about the host of the wish.

    :raises ConsulSilent: no answer, or no leader.
    """
    checks = api.get(f"health/node/{wish.host}") or []
    serf = next((check["Status"] for check in checks if check["CheckID"] == "serfHealth"), None)
    services = (api.get(f"catalog/node-services/{wish.host}") or {}).get("Services") or []
    line = api.get(f"kv/{node_key(wish)}")
    own = api.get("agent/self") if api.host == wish.host else {}
    return MemberSeen(
        host=wish.host,
        active=True,
        serf=serf,
        leader=api.leader(),
        voter=wish.host in voters_of(api.autopilot()).all if wish.server else None,
        registered=any(service["ID"] == paths.SWARM_SERVICE for service in services),
        listed=bool(line and line[0].get("Session")),
        version=str((own.get("Config") or {}).get("Version", "")),
    )
