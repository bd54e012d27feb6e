"""Installs, configures and starts a host's Docker Engine."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType

from metal.cluster.disrupt import Disrupt, at_once
from metal.cluster.docker import paths
from metal.cluster.docker.api import DockerApi, EngineSilent
from metal.cluster.docker.daemon import TLS_DIRECTORY, daemon_json, foreign_keys, listening_drop_in
from metal.cluster.docker.observe import as_text, in_swarm
from metal.cluster.docker.restart import carried
from metal.cluster.docker.started import Started, restart_reasons
from metal.cluster.docker.tls import check_tls
from metal.cluster.docker.wish import RENEW_BEFORE_DAYS, TLS_PORT, EngineReport, EngineWish
from metal.errors import HostError, HostFault, PlanRefused
from metal.host.facts import observe_facts
from metal.host.packages import Packages
from metal.host.service import ensure_active, ensure_unit, forget_failure, observe_unit, start
from metal.host.ssh import Ssh
from metal.pki.authority import BOTH, Authority
from metal.pki.host_key import CertificateReport, ensure_host_certificate
from metal.pki.succession import trusted
from metal.settings.endpoint import with_port
from metal.site import Site
from metal.waiting import Deadline, Pending, wait_until

__all__ = ["ensure_engine"]

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
        self.in_swarm = in_swarm(ssh, wish)
        self.serves = observe_unit(ssh, paths.UNIT).up

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
    unit = listening_drop_in(_fragment(ssh, wish.package), host=wish.host, address=wish.access.address)
    certificate = _certificate(ssh, wish, seed, authority, deadline)
    now = Started.of(
        package=package,
        configuration=configuration,
        unit=unit,
        certificate=certificate.fingerprint,
        authority=authority.fingerprint,
    )
    before = as_text(ssh.read(paths.STARTED))
    drifted = _note_drift(ssh, {paths.DAEMON_JSON: configuration, f"/etc/systemd/system/{paths.DROP_IN}": unit})
    reasons = restart_reasons(before, now) or (("its files were changed",) if drifted else ())
    if reasons:
        # Before the files: whatever restarts the engine while it waits shall find it as it was.
        working.begin(f"its engine restarts: {', '.join(reasons)}")
    ssh.write(paths.WRITTEN, configuration, mode=0o600)
    ssh.write(paths.DAEMON_JSON, configuration, mode=0o644)
    ensure_unit(ssh, paths.DROP_IN, unit)
    if reasons:
        if working.in_swarm:
            working.carried(site, ssh, wish)
        run.progress(f"{wish.host}: starts the engine: {', '.join(reasons)}")
    deadline = run.deadline(deadlines.engine)
    if not observe_unit(ssh, paths.UNIT).up:
        forget_failure(ssh, paths.UNIT, paths.SOCKET)
    ensure_active(ssh, paths.SOCKET, deadline=deadline)
    ensure_active(ssh, paths.UNIT, deadline=deadline, restarted=bool(reasons))
    version = _answering(ssh, deadline)
    check_tls(ssh, TLS_PORT, authority=authority, deadline=deadline)
    ssh.write(paths.STARTED, now.to_json(), mode=0o600)
    return EngineReport(
        version=version,
        package_version=package,
        certificate=certificate.fingerprint,
        not_after=certificate.not_after,
        authority=authority.fingerprint,
        endpoint=f"tcp://{with_port(wish.access.address, TLS_PORT)}",
        restarted=reasons,
    )


def _kept(site: Site, ssh: Ssh) -> EngineReport:
    """The engine as it runs. One that is down is started, and nothing else about it is touched."""
    host, deadline = ssh.access.host, site.run.deadline(site.fleet.deadlines.engine)
    unit = observe_unit(ssh, paths.UNIT)
    if unit.load == "not-found":
        raise HostError(
            "there is no engine to keep",
            fault=HostFault.NOT_READY,
            host=host,
            tried=[f"systemctl show {paths.UNIT}"],
            seen=str(unit),
            next_step="take engine: keep away from its pool, so that one is installed",
        )
    if not unit.up:
        site.run.progress(f"{host}: starts the engine that is kept: it was down")
        start(ssh, paths.UNIT, deadline=deadline)
    return EngineReport(_answering(ssh, deadline), "", "", "", "", "")


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
        in_service=in_swarm(ssh, wish),
        deadline=deadline,
    )


def _refuse_foreign(ssh: Ssh, configuration: str) -> None:
    foreign = foreign_keys(as_text(ssh.read(paths.DAEMON_JSON)), as_text(ssh.read(paths.WRITTEN)), configuration)
    if foreign:
        raise PlanRefused(
            f"{paths.DAEMON_JSON} has settings that would be lost: {', '.join(foreign)}",
            host=ssh.access.host,
            next_step=f"take them over into docker.daemon of the settings, or remove {paths.DAEMON_JSON} on the host",
        )


def _fragment(ssh: Ssh, package: str) -> str:
    path = ssh.run(["systemctl", "show", "--property=FragmentPath", "--value", "--", paths.UNIT]).stdout.strip()
    content = as_text(ssh.read(path)) if path else None
    if content is None:
        raise HostError(
            f"there is no {paths.UNIT} after the installation of {package}",
            fault=HostFault.NOT_READY,
            host=ssh.access.host,
            tried=[f"install {package}", f"systemctl show {paths.UNIT}"],
            next_step="name the package that brings the engine and its unit in docker.package",
        )
    return content


def _note_drift(ssh: Ssh, files: dict[str, str]) -> bool:
    """Forget the last start when a file is not as wanted: the engine may have been started with what is there now."""
    if all(as_text(ssh.read(path)) == content for path, content in files.items()):
        return False
    ssh.remove(paths.STARTED)
    return True


def _answering(ssh: Ssh, deadline: Deadline) -> str:
    def probe() -> str | Pending:
        with DockerApi(ssh, timeout=10) as api:
            return api.version()

    return wait_until(
        "the engine answers over its socket",
        probe,
        deadline=deadline,
        fail=lambda late, seen: EngineSilent(
            late,
            host=ssh.access.host,
            seen=seen,
            next_step="look at `journalctl -u docker` on the host",
        ),
        host=ssh.access.host,
        passing=(EngineSilent,),
    )
