"""The ready state: a host that answers, is the right one, has finished booting, is enough, and carries our marker."""

from __future__ import annotations

from collections.abc import Callable

from metal.errors import HostError, HostFault
from metal.host import plan
from metal.host.clock import measure_skew
from metal.host.facts import Facts, observe_facts
from metal.host.marker import Marker, MarkerState, read_marker, write_marker
from metal.host.packages import Packages
from metal.host.plan import BootState, prove_new_life
from metal.host.rename import rename_system
from metal.host.ssh import Ssh
from metal.host.wish import ReadyReport, ReadySeen, ReadyWish
from metal.settings.access import Access
from metal.site import Site
from metal.waiting import LOOK_SECONDS, Deadline, Pending, wait_until

__all__ = [
    "ReadyReport",
    "ReadySeen",
    "ReadyWish",
    "make_ready",
    "observe_ready",
    "prove_new_life",
    "release_host",
]

# A first boot may put the login key in place a while after sshd listens.
_AUTH_GRACE = 45.0


def make_ready(
    site: Site, access: Access, wish: ReadyWish, *, prove: Callable[[ReadyReport], None] | None = None
) -> ReadyReport:
    """Wait for the host, check all that makes it ready, and claim it; nothing is changed before that. Safe to repeat.

    Waits `deadlines.boot` plus `deadlines.ssh` for a login, then `ready` for the boot to end, `packages` for the lock.
    With `access.host_key` None this is a first contact: what this process knew of the host's key is dropped, and the
    report tells the key seen.

    :param prove: called before the claim with what is about to be reported; what it raises leaves the host unclaimed.
    :raises HostError: UNREACHABLE, AUTH, HOST_KEY: it cannot be reached as named; NOT_READY: with every shortfall;
        OLD_SYSTEM: it was to be reinstalled and was not;
        NOT_OURS: another machine or another owner; TIMEOUT: its package manager stays busy.
    :raises Cancelled: the run was cancelled.
    """
    limits = site.fleet.deadlines
    # A connection of the life before may look alive for as long as its keepalives last.
    site.ssh.forget(access.host)
    ssh = site.ssh.connect(access, deadline=site.run.deadline(limits.boot + limits.ssh), auth_grace=_AUTH_GRACE)
    _check_root(ssh)
    deadline = site.run.deadline(limits.ready)
    _wait_booted(ssh, deadline)
    facts = observe_facts(ssh)
    plan.check_identity(wish, facts)
    # Before anything that takes long: a host that is not ours is told so at once.
    plan.claim(read_marker(ssh), wish, facts)
    _check_enough(ssh, wish, facts)
    Packages.for_host(ssh, facts).wait_free(site.run.deadline(limits.packages))
    kind, marker = plan.claim(read_marker(ssh), wish, facts)
    report = _report(ssh, facts, marker)
    if prove is not None:
        prove(report)
    if wish.was is not None:
        # Before the marker, which is what tells that all of this was done.
        rename_system(ssh, wish.was, wish.host)
    if write_marker(ssh, marker):
        site.run.progress(f"{access.host}: claimed ({kind.value}), life {marker.life}")
    return report


def observe_ready(site: Site, access: Access, *, owner: str, timeout: float = LOOK_SECONDS) -> ReadySeen:
    """One look at the host, bounded, without raising for one that is away: what it is now, or why that is unknown.

    :param access: with the host key that is known; without one, whatever key is shown is taken.
    :param owner: whose marker counts as ready.
    :param timeout: seconds until it counts as unreachable.
    :raises Cancelled: the run was cancelled.
    """
    try:
        ssh = site.ssh.connect(access, deadline=site.run.deadline(timeout), auth_grace=0)
        facts = observe_facts(ssh)
        marker = read_marker(ssh)
    except HostError as error:
        refused = error.fault in (HostFault.AUTH, HostFault.HOST_KEY)
        return ReadySeen(None, "refused" if refused else "unreachable", " ".join(str(error).split()))
    if marker is None or (marker.owner == owner and marker.state is MarkerState.RELEASED):
        return ReadySeen(None, "unclaimed", f"{access.host} answers and carries no marker of {owner}")
    if marker.owner != owner:
        return ReadySeen(None, f"claimed by {marker.owner}", f"{access.host} carries the marker of {marker.owner}")
    return ReadySeen(_report(ssh, facts, marker), "ready")


def release_host(site: Site, access: Access, wish: ReadyWish, *, wipe: bool) -> bool:
    """Let go of the host: its marker says so, and the next owner may take it. True when there was a claim of ours.

    :param wipe: tells the next owner that nothing of this system is worth keeping.
    :raises HostError: as :func:`make_ready` for a host that cannot be reached; a claim must not be left behind unsaid.
    """
    ssh = site.ssh.connect(access, deadline=site.run.deadline(site.fleet.deadlines.probe))
    found = read_marker(ssh)
    marker = plan.released(found, owner=wish.owner, host=wish.host, wipe=wipe)
    return marker is not None and write_marker(ssh, marker)


def _check_root(ssh: Ssh) -> None:
    done = ssh.run(["id", "-u"], check=False)
    if done.stdout.strip() == "0":
        return
    raise HostError(
        "commands do not run as root on the host",
        fault=HostFault.AUTH,
        host=ssh.access.host,
        tried=[f"{'sudo -n ' if ssh.access.sudo else ''}id -u, as {ssh.access.user!r}"],
        seen=(done.stderr or done.stdout).strip() or f"status {done.rc}",
        next_step=(
            f"let {ssh.access.user!r} use sudo without a password (NOPASSWD: ALL)"
            if ssh.access.sudo
            else "set ssh sudo: true in the inventory, or log in as root"
        ),
    )


def _wait_booted(ssh: Ssh, deadline: Deadline) -> None:
    """Wait until systemd has nothing left to start; failed units are named and tolerated."""
    host = ssh.access.host

    def probe() -> BootState | Pending:
        try:
            word = ssh.run(["systemctl", "is-system-running"], timeout=30, check=False).stdout.strip()
        except HostError as error:
            # A first boot may end in another one.
            if error.fault in (HostFault.UNREACHABLE, HostFault.TIMEOUT):
                return Pending(error.seen or error.what)
            raise
        state = plan.boot_state(word)
        if state is BootState.BROKEN:
            raise fail("the system finishes booting", f"systemd says {word!r}")
        return state if state in (BootState.UP, BootState.DEGRADED) else Pending(_starting(ssh, word))

    def fail(what: str, seen: str) -> HostError:
        return HostError(
            f"not so: {what}",
            fault=HostFault.NOT_READY,
            host=host,
            tried=["systemctl is-system-running"],
            seen=seen,
            next_step="look at `systemctl list-jobs` and the console of the host, then run again",
        )

    state = wait_until("the system finishes booting", probe, deadline=deadline, fail=fail, interval=1, host=host)
    if state is BootState.DEGRADED:
        failed = ssh.run(["systemctl", "list-units", "--failed", "--plain", "--no-legend", "--no-pager"], check=False)
        names = ", ".join(line.split()[0] for line in failed.stdout.splitlines() if line.strip()) or "none listed"
        deadline.run.progress(f"{host}: booted with failed units, going on: {names}")


def _starting(ssh: Ssh, word: str) -> str:
    jobs = ssh.run(["systemctl", "list-jobs", "--no-legend", "--no-pager", "--plain"], check=False).stdout.splitlines()
    units = [line.split()[1] for line in jobs if len(line.split()) >= 4 and line.split()[3] == "running"]
    return f"systemd is {word or 'silent'}" + (f", starting {', '.join(units[:3])}" if units else "")


def _check_enough(ssh: Ssh, wish: ReadyWish, facts: Facts) -> None:
    lacking = plan.shortfalls(wish, facts, measure_skew(ssh))
    if lacking:
        raise HostError(
            "the host does not meet what ready asks for",
            fault=HostFault.NOT_READY,
            host=wish.host,
            tried=["release, processors, memory, clock"],
            seen="; ".join(lacking),
            next_step="correct the host (for its clock: time synchronisation), or `ready` in the settings",
        )


def _report(ssh: Ssh, facts: Facts, marker: Marker) -> ReadyReport:
    return ReadyReport(
        host_key=ssh.host_key,
        machine_id=facts.machine_id,
        os=facts.release,
        family=facts.family,
        kernel=facts.kernel,
        arch=facts.arch,
        cpus=facts.cpus,
        memory=facts.memory // 2**20,
        serial=facts.serial,
        uuid=facts.uuid,
        generation=marker.generation,
        life=marker.life,
    )
