"""Installs, configures, starts, looks at and takes down a host's Docker Engine."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from metal.chassis.observe import is_off
from metal.cluster.disrupt import DRAINED_NOTE, Disrupt, at_once
from metal.cluster.docker.api import DockerApi, EngineSilent
from metal.cluster.docker.daemon import TLS_DIRECTORY, daemon_json, foreign_keys, listening_drop_in, without_ours
from metal.cluster.docker.restart import carried
from metal.cluster.docker.started import Started, restart_reasons
from metal.cluster.docker.tls import check_tls
from metal.cluster.docker.wish import RENEW_BEFORE_DAYS, TLS_PORT, EngineReport, EngineSeen, EngineWish
from metal.cluster.patience import patience
from metal.errors import ClusterError, HostError, HostFault, PlanRefused
from metal.host.facts import observe_facts
from metal.host.packages import Packages
from metal.host.service import ensure_active, ensure_unit, observe_unit, start, stop
from metal.host.ssh import Ssh
from metal.pki.authority import BOTH, Authority
from metal.pki.host_key import CertificateReport, ensure_host_certificate, remove_host_certificate
from metal.pki.succession import trusted
from metal.settings.access import Access
from metal.site import Site
from metal.waiting import LOOK_SECONDS, Deadline, Pending, wait_until

__all__ = ["ensure_engine", "has_tls", "observe_engine", "remove_engine"]

_UNIT = "docker.service"
_SOCKET = "docker.socket"
_DROP_IN = "docker.service.d/10-metalswarm.conf"
_DAEMON_JSON = "/etc/docker/daemon.json"
_WRITTEN = "/var/lib/metalswarm/docker/daemon.json"
_STARTED = "/var/lib/metalswarm/docker/started.json"
_CERTIFICATE_DAYS = 365


def ensure_engine(site: Site, wish: EngineWish, *, disrupt: Disrupt = at_once) -> EngineReport:
    """Have the engine installed, pinned, configured, running, and reachable with mutual TLS only.

    Idempotent; restarts the engine only when package, configuration, unit or certificate changed since its last start,
    and the managers of a swarm one at a time.

    :param disrupt: entered before an engine that runs is replaced or restarted.
    :raises HostError: a step failed on the host.
    :raises ClusterError: the engine runs and does not answer as it must.
    :raises PlanRefused: the wanted daemon.json may not be, or would drop settings that somebody else made; or the host
        is in a swarm whose certificates come from another seed.
    """
    deadlines, run = site.fleet.deadlines, site.run
    ssh = site.ssh.connect(wish.access, deadline=run.deadline(deadlines.ssh))
    if wish.keep:
        return _kept(site, ssh)
    configuration = daemon_json(wish.daemon, host=wish.host, in_swarm=bool(wish.authority))
    _refuse_foreign(ssh, configuration)
    run.progress(f"{wish.host}: package {wish.package} {wish.version}")
    packages = Packages.for_host(ssh, observe_facts(ssh))
    with _Working(ssh, wish, disrupt) as working:
        due = packages.due(wish.package, wish.version, run.deadline(deadlines.packages)) if working.serves else None
        if due:
            # Some packages restart what runs while they are installed.
            working.begin(f"{wish.package} {due}")
        package = packages.ensure(wish.package, wish.version, run.deadline(deadlines.packages))
        return _configured(site, ssh, wish, configuration, package, working)


class _Working:
    """Whether the engine works, and how it is taken out of its work for what follows, once. For one thread."""

    def __init__(self, ssh: Ssh, wish: EngineWish, disrupt: Disrupt) -> None:
        self._disrupt = disrupt
        self._stack = ExitStack()
        self._begun = False
        self.in_swarm = _in_swarm(ssh, wish)
        self.serves = observe_unit(ssh, _UNIT).up

    def begin(self, why: str) -> None:
        if self.serves and not self._begun:
            self._begun = True
            self._stack.enter_context(self._disrupt(why))

    def carried(self, site: Site, ssh: Ssh, wish: EngineWish) -> None:
        self._stack.enter_context(carried(site, ssh, wish))

    def __enter__(self) -> _Working:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return self._stack.__exit__(kind, error, trace)


def _configured(
    site: Site, ssh: Ssh, wish: EngineWish, configuration: str, package: str, working: _Working
) -> EngineReport:
    deadlines, run = site.fleet.deadlines, site.run
    deadline = run.deadline(deadlines.engine)
    seed = site.credentials.seed()
    authority = Authority.of(seed, wish.authority_name, wish.ca)
    unit = listening_drop_in(_fragment(ssh, wish.package), host=wish.host)
    certificate = _certificate(ssh, wish, seed, authority, deadline)
    now = Started.of(
        package=package,
        configuration=configuration,
        unit=unit,
        certificate=certificate.fingerprint,
        authority=authority.fingerprint,
    )
    before = _text(ssh.read(_STARTED))
    drifted = _note_drift(ssh, {_DAEMON_JSON: configuration, f"/etc/systemd/system/{_DROP_IN}": unit})
    reasons = restart_reasons(before, now) or (("its files were changed",) if drifted else ())
    if reasons:
        # Before the files: whatever restarts the engine while it waits shall find it as it was.
        working.begin(f"its engine restarts: {', '.join(reasons)}")
    ssh.write(_WRITTEN, configuration, mode=0o600)
    ssh.write(_DAEMON_JSON, configuration, mode=0o644)
    ensure_unit(ssh, _DROP_IN, unit)
    if reasons:
        if working.in_swarm:
            working.carried(site, ssh, wish)
        run.progress(f"{wish.host}: starts the engine: {', '.join(reasons)}")
    deadline = run.deadline(deadlines.engine)
    ensure_active(ssh, _SOCKET, deadline=deadline)
    ensure_active(ssh, _UNIT, deadline=deadline, restarted=bool(reasons))
    version = _answering(ssh, deadline)
    check_tls(ssh, TLS_PORT, authority=authority, deadline=deadline)
    ssh.write(_STARTED, now.to_json(), mode=0o600)
    return EngineReport(
        version=version,
        package_version=package,
        certificate=certificate.fingerprint,
        not_after=certificate.not_after,
        authority=authority.fingerprint,
        endpoint=f"tcp://{wish.access.address}:{TLS_PORT}",
        restarted=reasons,
    )


def remove_engine(site: Site, wish: EngineWish) -> None:
    """Stop the engine for good and take our keys off the host; package and data stay.

    Succeeds when it is already gone. Of a host that is switched off nothing can be taken; its engine does not run. A
    kept engine goes on running: whoever set it up takes it down.

    :raises HostError: the host is on, or may be, and does not answer.
    """
    run = site.run
    if wish.keep:
        run.progress(f"{wish.host}: its engine was kept as it ran, and goes on running")
        return
    death = site.deaths.known(wish.host)
    if death is not None:
        death.check_left(wish.host)
        run.progress(f"{wish.host}: {death.how}; its engine and its keys are left as they are")
        return
    try:
        ssh = site.ssh.connect(wish.access, deadline=run.deadline(site.fleet.deadlines.evict))
    except HostError as error:
        facts = site.fleet.facts(wish.host)
        silent = error.fault in (HostFault.UNREACHABLE, HostFault.TIMEOUT)
        if site.is_gone(wish.host, error):
            run.progress(f"{wish.host}: other metal takes its place; its engine and its keys stay on the old disk")
            return
        if silent and facts is not None and facts.bmc is not None and is_off(site, facts.bmc):
            run.progress(f"{wish.host}: is off; its engine and its keys stay on its disk")
            return
        raise
    _await_left(site, ssh, wish)
    deadline = run.deadline(site.fleet.deadlines.engine)
    # The socket first: it would start the service again.
    for unit in (_SOCKET, _UNIT):
        stop(ssh, unit, deadline=deadline)
    ssh.remove(_STARTED)
    if ssh.remove(f"/etc/systemd/system/{_DROP_IN}"):
        ssh.run(["systemctl", "daemon-reload"])
    found = _text(ssh.read(_DAEMON_JSON))
    rest = without_ours(found) if found is not None else None
    if rest is not None:
        ssh.write(_DAEMON_JSON, rest, mode=0o644)
    else:
        ssh.remove(_DAEMON_JSON)
    ssh.remove(_WRITTEN)
    remove_host_certificate(ssh, TLS_DIRECTORY)


def _await_left(site: Site, ssh: Ssh, wish: EngineWish) -> None:
    """Let no running engine be stopped under a node that is still leaving its swarm.

    A host that goes to another cluster begins two new lives at once, that of its engine and that of its Consul member.
    The engine of Pulumi takes the node down for one of them, and the other does not wait for that.
    """
    if not wish.authority or not observe_unit(ssh, _UNIT).up:
        return
    deadline = site.run.deadline(patience(site, wish.authority))

    def probe() -> bool | Pending:
        if not _in_swarm(ssh, wish):
            return True
        if wish.host not in site.places.failures():
            return Pending("it is a node of it still")
        raise ClusterError(
            f"its engine is not stopped under a node of the swarm of {wish.authority}",
            host=wish.host,
            seen="another link of this host failed in this run",
            next_step="mend what failed there first, then run again",
        )

    wait_until(
        f"{wish.host} has left the swarm of {wish.authority}",
        probe,
        deadline=deadline,
        fail=lambda what, seen: ClusterError(
            f"not within {deadline.seconds:.0f} s: {what}",
            seen=seen,
            next_step="run there: docker swarm leave --force, if that node is given up; then run again",
        ),
        host=wish.host,
    )


def observe_engine(site: Site, access: Access) -> EngineSeen:
    """Look at the engine of a host; changes nothing.

    :raises HostError: the host cannot be asked.
    """
    ssh = site.ssh.connect(access, deadline=site.run.deadline(LOOK_SECONDS))
    unit = observe_unit(ssh, _UNIT)
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
    state = str((info.get("Swarm") or {}).get("LocalNodeState") or "inactive")
    return EngineSeen(True, True, str(info["ServerVersion"]), state, certificate, not_after, drained)


def _kept(site: Site, ssh: Ssh) -> EngineReport:
    """The engine as it runs. One that is down is started, and nothing else about it is touched."""
    host, deadline = ssh.access.host, site.run.deadline(site.fleet.deadlines.engine)
    unit = observe_unit(ssh, _UNIT)
    if unit.load == "not-found":
        raise HostError(
            "there is no engine to keep",
            fault=HostFault.NOT_READY,
            host=host,
            tried=[f"systemctl show {_UNIT}"],
            seen=str(unit),
            next_step="take engine: keep away from its pool, so that one is installed",
        )
    if not unit.up:
        site.run.progress(f"{host}: starts the engine that is kept: it was down")
        start(ssh, _UNIT, deadline=deadline)
    return EngineReport(_answering(ssh, deadline), "", "", "", "", "")


def has_tls(ssh: Ssh) -> bool:
    """Whether the engine was started by us, and so listens with our mutual TLS."""
    return ssh.read(_STARTED) is not None


def _certificate(
    ssh: Ssh, wish: EngineWish, seed: bytes, authority: Authority, deadline: Deadline
) -> CertificateReport:
    names, addresses = wish.subjects()
    return ensure_host_certificate(
        ssh,
        authority=authority,
        name=wish.host,
        names=names,
        addresses=addresses,
        usages=BOTH,
        days=_CERTIFICATE_DAYS,
        renew_before_days=RENEW_BEFORE_DAYS,
        directory=TLS_DIRECTORY,
        # The next one ahead: an engine takes another authority by a restart only, and a rotation needs but one.
        trusted=trusted(seed, wish.authority_name, wish.ca),
        in_service=_in_swarm(ssh, wish),
        deadline=deadline,
    )


def _in_swarm(ssh: Ssh, wish: EngineWish) -> bool:
    """Whether the host belongs to a swarm, by what lies on its disk: the engine need not run."""
    root = str(wish.daemon.get("data-root", "/var/lib/docker"))
    return ssh.read(f"{root}/swarm/docker-state.json") is not None


def _refuse_foreign(ssh: Ssh, configuration: str) -> None:
    foreign = foreign_keys(_text(ssh.read(_DAEMON_JSON)), _text(ssh.read(_WRITTEN)), configuration)
    if foreign:
        raise PlanRefused(
            f"{_DAEMON_JSON} has settings that would be lost: {', '.join(foreign)}",
            host=ssh.access.host,
            next_step=f"take them over into docker.daemon of the settings, or remove {_DAEMON_JSON} on the host",
        )


def _fragment(ssh: Ssh, package: str) -> str:
    path = ssh.run(["systemctl", "show", "--property=FragmentPath", "--value", "--", _UNIT]).stdout.strip()
    content = _text(ssh.read(path)) if path else None
    if content is None:
        raise HostError(
            f"there is no {_UNIT} after the installation of {package}",
            fault=HostFault.NOT_READY,
            host=ssh.access.host,
            tried=[f"install {package}", f"systemctl show {_UNIT}"],
            next_step="name the package that brings the engine and its unit in docker.package",
        )
    return content


def _note_drift(ssh: Ssh, files: dict[str, str]) -> bool:
    """Forget the last start when a file is not as wanted: the engine may have been started with what is there now."""
    if all(_text(ssh.read(path)) == content for path, content in files.items()):
        return False
    ssh.remove(_STARTED)
    return True


def _answering(ssh: Ssh, deadline: Deadline) -> str:
    def probe() -> str | Pending:
        with DockerApi(ssh, timeout=10) as api:
            return api.version()

    return wait_until(
        "the engine answers over its socket",
        probe,
        deadline=deadline,
        fail=lambda what, seen: EngineSilent(
            f"not so within {deadline.seconds:.0f} s: {what}",
            host=ssh.access.host,
            seen=seen,
            next_step="look at `journalctl -u docker` on the host",
        ),
        host=ssh.access.host,
        passing=(EngineSilent,),
    )


def _certificate_seen(ssh: Ssh) -> tuple[str | None, str | None]:
    content = ssh.read(f"{TLS_DIRECTORY}/cert.pem")
    try:
        certificate = x509.load_pem_x509_certificate(content or b"")
    except ValueError:
        return None, None
    return certificate.fingerprint(hashes.SHA256()).hex(), certificate.not_valid_after_utc.isoformat()


def _text(content: bytes | None) -> str | None:
    return None if content is None else content.decode("utf-8", "replace")
