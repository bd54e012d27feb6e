"""Takes a host's Docker Engine down: stopped for good, our keys gone, package and data left."""

from __future__ import annotations

from metal.chassis.observe import is_off
from metal.cluster.docker import paths
from metal.cluster.docker.daemon import TLS_DIRECTORY, without_ours
from metal.cluster.docker.observe import as_text, in_swarm
from metal.cluster.docker.wish import EngineWish
from metal.cluster.patience import patience
from metal.errors import ClusterError, HostError, HostFault
from metal.host.service import observe_unit, stop
from metal.host.ssh import Ssh
from metal.pki.host_key import remove_host_certificate
from metal.site import Site
from metal.waiting import Pending, wait_until

__all__ = ["remove_engine"]


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


def _await_left(site: Site, ssh: Ssh, wish: EngineWish) -> None:
    """Let no running engine be stopped under a node that is still leaving its swarm.

    A host that goes to another cluster begins two new lives at once, that of its engine and that of its Consul member.
    The engine of Pulumi takes the node down for one of them, and the other does not wait for that.
    """
    if not wish.authority or not observe_unit(ssh, paths.UNIT).up:
        return
    deadline = site.run.deadline(patience(site, wish.authority))

    def probe() -> bool | Pending:
        if not in_swarm(ssh, wish):
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
