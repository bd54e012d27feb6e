"""A member's certificate, and moving every member's to another authority: reloaded, never restarted."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from metal.cluster.consul import paths
from metal.cluster.consul.api import ConsulApi, ConsulRefused, ConsulSilent
from metal.cluster.consul.living import reachable_hosts
from metal.cluster.consul.observe import observe_files
from metal.cluster.consul.reload import reload_agent
from metal.cluster.consul.wish import MemberWish
from metal.errors import ClusterError, HostError, MetalError
from metal.host.ssh import Ssh
from metal.pki.authority import BOTH, Authority
from metal.pki.host_key import CertificateReport, ensure_host_certificate
from metal.pki.succession import generation_of, generations_in, joined, trusted
from metal.plan.renewal import CONSUL_RENEW_DAYS
from metal.plan.rotation import CaMember, CaPhase, ca_step, candidates
from metal.site import Site
from metal.waiting import LOOK_SECONDS, Deadline, Pending, wait_until

__all__ = ["Reached", "ensure_certificate", "observe_certificates", "rotate_authority"]

_DAYS = 730

_CA, _CERTIFICATE = f"{paths.TLS_FOLDER}/ca.pem", f"{paths.TLS_FOLDER}/cert.pem"
_AT_ONCE = 16
# Trust, certificates, drop, and one more look at each.
_ROUNDS = 6
_ALIVE = 1


@dataclass(frozen=True)
class Reached:
    """How far a member's certificates may go now.

    :ivar ca: number of the authority that signs its certificate.
    :ivar trusted: content of its `ca.pem`.
    :ivar left: what keeps the rotation from its end; empty where nothing does.
    """

    ca: int
    trusted: str
    left: str = ""

    @classmethod
    def wanted(cls, site: Site, wish: MemberWish) -> Reached:
        number = wish.wanted(site).ca
        return cls(number, trusted(site.credentials.seed(), wish.cluster, number))

    @classmethod
    def kept(cls, site: Site, wish: MemberWish, ssh: Ssh, left: str) -> Reached:
        """Its certificate stays what it is, and both authorities are trusted."""
        goal, own = cls.wanted(site, wish), observe_certificates(site, wish, ssh)
        number = goal.ca if own.leaf is None else own.leaf
        return cls(number, joined(_text(ssh.read(_CA)), goal.trusted), left)


def ensure_certificate(
    site: Site, ssh: Ssh, wish: MemberWish, reached: Reached, *, in_service: bool, deadline: Deadline
) -> CertificateReport:
    """Have the member's key, its certificate and whom it trusts on the host; tells the agent nothing.

    :raises PlanRefused: it is in service, with certificates of another seed.
    """
    role = "server" if wish.server else "client"
    return ensure_host_certificate(
        ssh,
        authority=Authority.of(site.credentials.seed(), wish.cluster, reached.ca),
        name=f"{role}.{wish.datacenter}.consul",
        names=[f"{role}.{wish.datacenter}.consul", "localhost"],
        addresses=["127.0.0.1"],
        usages=BOTH,
        days=_DAYS,
        renew_before_days=CONSUL_RENEW_DAYS,
        directory=paths.TLS_FOLDER,
        owner=f"{paths.USER}:{paths.USER}",
        trusted=reached.trusted,
        in_service=in_service,
        deadline=deadline,
    )


def observe_certificates(site: Site, wish: MemberWish, ssh: Ssh) -> CaMember:
    """Which of the cluster's authorities a host trusts, and which one signed its certificate."""
    seed, goal = site.credentials.seed(), wish.wanted(site).ca
    known = (goal + 1, *candidates(goal, wish.identity.ca))
    bundle, certificate = _text(ssh.read(_CA)), _text(ssh.read(_CERTIFICATE))
    return CaMember(
        generations_in(seed, wish.cluster, bundle, known), generation_of(seed, wish.cluster, certificate, known)
    )


def rotate_authority(site: Site, wish: MemberWish, api: ConsulApi, *, deadline: Deadline) -> str:
    """Move every member that gossip hears of to the wanted authority; what is left undone, or nothing.

    Members that are away take the new certificates with their own next update, and so do those on hold. A member that
    runs and cannot be reached keeps the old authority in use everywhere.

    :param api: of a server that knows a leader.
    :raises ClusterError: the servers were not healthy with the new certificates.
    """
    rotation = _Rotation(site, wish, deadline)
    goal = wish.wanted(site).ca
    for round_ in range(_ROUNDS):
        members, silent = rotation.look(_alive(api))
        # At first all of them: a run may have ended between writing and telling the agent.
        silent |= rotation.reload(members if round_ == 0 else rotation.untold)
        step = ca_step(goal, members, silent)
        if step.phase is CaPhase.DONE:
            return ""
        if step.phase is CaPhase.BLOCKED:
            return f"the old CA stays in use: {', '.join(step.hosts)} cannot be reached or told ({rotation.said})"
        site.run.progress(f"{wish.host}: CA {goal} of {wish.cluster}: {step.phase} on {', '.join(step.hosts)}")
        if step.phase is CaPhase.TRUST:
            rotation.trust(step.hosts)
        elif step.phase is CaPhase.LEAF:
            rotation.sign(step.hosts)
        else:
            rotation.drop(step.hosts)
        _await_health(api, wish, deadline)
    return f"the old CA stays in use: {rotation.said or 'the members did not take the new certificates'}"


class _Rotation:
    """The acts of one rotation, each on many hosts at once; a host that fails shows in the next look.

    :ivar untold: hosts whose agent may not have loaded what was written there.
    """

    def __init__(self, site: Site, wish: MemberWish, deadline: Deadline) -> None:
        self._site = site
        self._wish = wish
        self._deadline = deadline
        self._goal = Reached.wanted(site, wish)
        self._said: dict[str, str] = {}
        self.untold: set[str] = set()

    @property
    def said(self) -> str:
        return "; ".join(f"{host}: {word}" for host, word in sorted(self._said.items()))

    def look(self, alive: Collection[str]) -> tuple[dict[str, CaMember], set[str]]:
        """The members that gossip hears of, and those of them that cannot be asked.

        One that runs and is not heard missed a rotation before; nobody can be cut off from it.
        """
        members: dict[str, CaMember] = {}

        def one(host: str, ssh: Ssh) -> None:
            if observe_files(ssh).active:
                members[host] = observe_certificates(self._site, self._wish, ssh)

        names = reachable_hosts(self._site, self._site.fleet.clusters[self._wish.cluster].hosts)
        self._said = {}
        self._each([name for name in names if name in alive], one)
        self.untold &= set(alive)
        return members, set(self._said)

    def trust(self, hosts: Collection[str]) -> None:
        def one(host: str, ssh: Ssh) -> None:
            _write(ssh, joined(_text(ssh.read(_CA)), self._goal.trusted))
            self._tell(ssh)

        self._each(hosts, one)

    def sign(self, hosts: Collection[str]) -> None:
        def one(host: str, ssh: Ssh) -> None:
            both = Reached(self._goal.ca, joined(_text(ssh.read(_CA)), self._goal.trusted))
            wish = MemberWish.of(self._site.fleet, host)
            ensure_certificate(self._site, ssh, wish, both, in_service=True, deadline=self._deadline)
            self._tell(ssh)

        self._each(hosts, one)

    def drop(self, hosts: Collection[str]) -> None:
        def one(host: str, ssh: Ssh) -> None:
            _write(ssh, self._goal.trusted)
            self._tell(ssh)

        self._each(hosts, one)

    def reload(self, hosts: Collection[str]) -> set[str]:
        """Have agents load what lies on their hosts; those that were not told of something there."""
        self._each(list(hosts), lambda host, ssh: self._tell(ssh))
        return set(self.untold)

    def _tell(self, ssh: Ssh) -> None:
        self.untold.add(ssh.access.host)
        limit = self._site.run.deadline(LOOK_SECONDS)
        reload_agent(ssh, self._wish.keys(self._site), deadline=limit)
        self.untold.discard(ssh.access.host)

    def _each(self, hosts: Collection[str], act: Callable[[str, Ssh], None]) -> None:
        def guarded(host: str) -> None:
            try:
                deadline = self._site.run.deadline(LOOK_SECONDS)
                act(host, self._site.ssh.connect(self._site.access(host), deadline=deadline))
            except (HostError, ClusterError) as error:
                self._said[host] = _brief(error)

        if hosts:
            with ThreadPoolExecutor(min(_AT_ONCE, len(hosts))) as threads:
                list(threads.map(guarded, hosts))


def _alive(api: ConsulApi) -> set[str]:
    return {str(member["Name"]) for member in api.get("agent/members") or [] if member["Status"] == _ALIVE}


def _await_health(api: ConsulApi, wish: MemberWish, deadline: Deadline) -> None:
    def probe() -> bool | Pending:
        health = api.autopilot()
        ill = sorted(server["Name"] for server in health.get("Servers") or [] if not server["Healthy"])
        return True if health.get("Healthy") else Pending(f"not healthy: {', '.join(ill) or 'no leader'}")

    wait_until(
        f"the Consul servers of {wish.cluster} are healthy with what they trust now",
        probe,
        deadline=deadline,
        fail=lambda late, seen: ClusterError(
            late,
            seen=seen,
            next_step=f"look at `journalctl -u {paths.UNIT}` on the servers, then run again; it goes on from here",
        ),
        host=wish.host,
        passing=(ConsulSilent, ConsulRefused),
    )


def _write(ssh: Ssh, bundle: str) -> None:
    ssh.write(_CA, bundle, mode=0o644, owner=f"{paths.USER}:{paths.USER}")


def _text(content: bytes | None) -> str:
    return (content or b"").decode("ascii", "replace")


def _brief(error: MetalError) -> str:
    return f"{error.what} ({error.seen})" if error.seen else error.what
