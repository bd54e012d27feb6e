"""What a member, its files and the raft say, as plain values."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from metal.cluster.consul import paths
from metal.cluster.consul.api import ConsulApi, ConsulRefused, ConsulSilent, open_api
from metal.cluster.consul.guest import observe_guest
from metal.cluster.consul.living import reachable_hosts
from metal.cluster.consul.registration import node_key
from metal.cluster.consul.seen import MemberSeen
from metal.cluster.consul.servers import voters_of
from metal.cluster.consul.wish import MemberWish
from metal.errors import ClusterError, HostError, PlanRefused
from metal.host.ssh import Ssh
from metal.pki.host_key import end_of_certificate
from metal.plan.consul import ServerSeen
from metal.site import Site
from metal.waiting import LOOK_SECONDS

__all__ = ["LocalFiles", "observe_files", "observe_member", "observe_others", "refuse_foreign", "see_member"]

# One look at another host before a birth, in seconds.
_LOOK_SECONDS = 4.0

_FILES = """
[ -d "$1/raft" ] && [ -e "$1/raft/raft.db" ] && echo raft
[ -e "$2" ] && echo config
if [ -e "$2" ] && grep -q '"bootstrap_expect"' "$2"; then echo birth; fi
if systemctl is-active --quiet "$3"; then
  echo active
  [ ! -e "$4" ] || echo "edition $(cat "$4")"
  [ ! -e "$5" ] || echo "secrets $(cat "$5")"
fi
exit 0
"""


@dataclass(frozen=True)
class LocalFiles:
    """What lies on a host.

    :ivar raft: a server's data is there.
    :ivar birth: the configuration still has the birth settings.
    :ivar active: the agent's unit is up.
    :ivar edition: what the running agent was started with; None where it is not up.
    :ivar secrets: fingerprint of the secrets and certificates that it was last told to load; None where it was not.
    """

    raft: bool
    config: bool
    birth: bool
    active: bool
    edition: str | None
    secrets: str | None = None

    @property
    def formed(self) -> bool:
        """It was a server of a cluster that was formed: the birth settings are taken out only then."""
        return self.raft and self.config and not self.birth


def observe_files(ssh: Ssh) -> LocalFiles:
    """Look at a host's files and unit, in one round trip."""
    loaded = (paths.LOADED_EDITION, paths.LOADED_SECRETS)
    said = ssh.script(_FILES, paths.DATA, paths.CONFIG, paths.UNIT, *loaded).stdout.split("\n")
    noted = dict(line.split(" ", 1) for line in said if " " in line)
    return LocalFiles(
        "raft" in said, "config" in said, "birth" in said, "active" in said, noted.get("edition"), noted.get("secrets")
    )


def refuse_foreign(ssh: Ssh, files: LocalFiles) -> None:
    """Let no agent of ours be put beside one that somebody else runs on the host.

    :raises PlanRefused: there is one.
    """
    if files.config:
        return
    listens = ssh.run(["ss", "-Hltn", f"sport = :{paths.SERF_PORT}"]).stdout.strip()
    if not listens and not files.active and not files.raft:
        return
    raise PlanRefused(
        "a Consul agent that is not ours runs on it, or has its data there",
        host=ssh.access.host,
        tried=[f"looked for {paths.UNIT}, {paths.DATA} and who listens on port {paths.SERF_PORT}"],
        next_step="set consul.external.agents: none to use the agent that is there; or remove that one first",
    )


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
        deadline = site.run.deadline(_LOOK_SECONDS).look(_LOOK_SECONDS)
        ssh = site.ssh.connect(site.access(host), deadline=deadline)
        files = observe_files(ssh)
        if files.formed or not files.active:
            return ServerSeen(files.formed)
        with open_api(ssh, wish.keys(site), anonymous=True) as api:
            return ServerSeen(bool(api.leader()))
    except (HostError, ClusterError):
        return None


def observe_member(site: Site, wish: MemberWish) -> MemberSeen:
    """Ask the host's own agent; an agent that is down or refuses is an observation, a host that is away an error.

    :raises HostError: the host cannot be reached.
    """
    ssh = site.ssh.connect(wish.access, deadline=site.run.deadline(LOOK_SECONDS))
    if wish.is_guest:
        return observe_guest(site, wish)
    files = observe_files(ssh)
    not_after = end_of_certificate(ssh.read(f"{paths.TLS_FOLDER}/cert.pem"))
    if not files.active:
        return MemberSeen(wish.host, active=False, not_after=not_after)
    try:
        with open_api(ssh, wish.keys(site)) as api:
            return replace(see_member(api, wish), not_after=not_after)
    except (ConsulSilent, ConsulRefused):
        return MemberSeen(wish.host, active=True, not_after=not_after)


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
        server=(own.get("Config") or {}).get("Server"),
        registered=any(service["ID"] == paths.SWARM_SERVICE for service in services),
        listed=bool(line and line[0].get("Session")),
        version=str((own.get("Config") or {}).get("Version", "")),
    )
