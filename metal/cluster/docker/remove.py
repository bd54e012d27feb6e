"""Takes a host's Docker Engine down: stopped for good, our keys gone, package and data left."""

from __future__ import annotations

from collections.abc import Callable

from metal.chassis.observe import is_off
from metal.cluster.docker import paths
from metal.cluster.docker.api import DockerApi, EngineSilent
from metal.cluster.docker.daemon import TLS_DIRECTORY, without_ours
from metal.cluster.docker.observe import as_text, swarm_state
from metal.cluster.docker.wish import EngineWish
from metal.errors import HostError, HostFault
from metal.host.service import observe_unit, stop
from metal.host.ssh import Ssh
from metal.pki.host_key import remove_host_certificate
from metal.site import Site

__all__ = ["remove_engine"]

_ASK_SECONDS = 10.0


def remove_engine(site: Site, wish: EngineWish, *, leave: Callable[[], None] | None = None) -> None:
    """Stop the engine for good and take our keys off the host; package and data stay.

    Succeeds when it is already gone. Of a host that is switched off nothing can be taken; its engine does not run. A
    kept engine goes on running: whoever set it up takes it down.

    :param leave: has the host out of its swarm; called before the engine of a cluster's host stops.
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
    if wish.authority and leave is not None and _may_be_node(ssh):
        leave()
    deadline = run.deadline(site.fleet.deadlines.engine)
    # The socket first: it would start the service again.
    for unit in (paths.SOCKET, paths.UNIT):
        stop(ssh, unit, deadline=deadline)
    ssh.remove(paths.STARTED)
    if ssh.remove(f"/etc/systemd/system/{paths.DROP_IN}"):
        ssh.run(["systemctl", "daemon-reload"])
    found = as_text(ssh.read(paths.DAEMON_JSON))
    rest = without_ours(found) if found is not None else None
    if rest is not None:
        ssh.write(paths.DAEMON_JSON, rest, mode=0o644)
    else:
        ssh.remove(paths.DAEMON_JSON)
    ssh.remove(paths.WRITTEN)
    remove_host_certificate(ssh, TLS_DIRECTORY)


def _may_be_node(ssh: Ssh) -> bool:
    """Whether the host's engine is in a swarm, or does not say."""
    if not observe_unit(ssh, paths.UNIT).up:
        return False
    try:
        with DockerApi(ssh, timeout=_ASK_SECONDS) as api:
            return swarm_state(api.info()) != "inactive"
    except EngineSilent:
        return True
