"""The ready state: a host that answers, is the right one, has finished booting, is enough, and carries our marker."""

from __future__ import annotations

from collections.abc import Callable

from metal.errors import HostError, HostFault
from metal.host import plan
from metal.host.clock import Skew
from metal.host.enough import check_enough
from metal.host.expect import hardware, met
from metal.host.facts import Facts, observe_facts
from metal.host.first_boot import await_booted, await_set_up
from metal.host.marker import Marker, MarkerState, read_marker, write_marker
from metal.host.packages import Packages
from metal.host.plan import prove_new_life
from metal.host.rename import rename_system
from metal.host.ssh import Ssh
from metal.host.wish import ReadyReport, ReadySeen, ReadyWish
from metal.plan.override import waives
from metal.plan.quorum import Rule
from metal.settings.access import Access
from metal.site import Site
from metal.waiting import LOOK_SECONDS

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

    Waits `deadlines.boot` plus `deadlines.ssh` for a login, `packages` for the set-up of a first boot, `ready` for the
    boot to end, `ready` for its clock, `packages` for the lock.
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
    await_set_up(ssh, site.run.deadline(limits.packages))
    await_booted(ssh, site.run.deadline(limits.ready))
    facts = observe_facts(ssh)
    plan.check_identity(wish, facts)
    if waives(site.fleet.overrides_of(wish.host), Rule.IDENTITY):
        for change in plan.other_metal(wish, facts):
            site.run.progress(f"{wish.host}: identity overridden: {change}")
    else:
        plan.refuse_other_metal(wish, facts)
    # Before anything that takes long: a host that is not ours is told so at once.
    plan.claim(read_marker(ssh), wish, facts)
    check_enough(ssh, wish, facts, site.run.deadline(limits.ready))
    Packages.for_host(ssh, facts).wait_free(site.run.deadline(limits.packages))
    kind, marker = plan.claim(read_marker(ssh), wish, facts)
    report = _report(ssh, facts, marker, met(wish))
    if prove is not None:
        prove(report)
    if wish.was is not None:
        # Before the marker, which is what tells that all of this was done.
        rename_system(ssh, wish.was, wish.host)
    if write_marker(ssh, marker):
        site.run.progress(f"{access.host}: claimed ({kind.value}), life {marker.life}")
    return report


def observe_ready(
    site: Site,
    access: Access,
    *,
    owner: str,
    timeout: float = LOOK_SECONDS,
    wish: ReadyWish | None = None,
    burn_in: str = "",
) -> ReadySeen:
    """One look at the host, bounded, without raising for one that is away: what it is now, or why that is unknown.

    :param access: with the host key that is known; without one, whatever key is shown is taken.
    :param owner: whose marker counts as ready.
    :param timeout: seconds until it counts as unreachable.
    :param wish: what it has to be; None asks for nothing but the claim. Clock and package manager are not looked at.
    :param burn_in: fingerprint of what it must have passed; empty for none.
    :raises Cancelled: the run was cancelled.
    """
    try:
        ssh = site.ssh.connect(access, deadline=site.run.deadline(timeout), auth_grace=0)
        facts = observe_facts(ssh)
        marker = read_marker(ssh)
    except HostError as error:
        refused = error.fault in (HostFault.AUTH, HostFault.HOST_KEY)
        return ReadySeen(None, "refused" if refused else "unreachable", error.text)
    if marker is None or (marker.owner == owner and marker.state is MarkerState.RELEASED):
        return ReadySeen(None, "unclaimed", f"answers and carries no marker of {owner}")
    if marker.owner != owner:
        return ReadySeen(None, f"claimed by {marker.owner}", f"carries the marker of {marker.owner}")
    if burn_in and marker.burn_in != burn_in:
        return ReadySeen(None, "burn-in not passed", "has not passed its burn-in")
    changed = plan.other_metal(wish, facts) if wish else ()
    if changed:
        return ReadySeen(None, "on other metal", "; ".join(changed))
    lacking = plan.shortfalls(wish, facts, Skew(0.0, 0.0)) if wish else ()
    if lacking:
        return ReadySeen(None, "not as expected", "; ".join(lacking))
    return ReadySeen(_report(ssh, facts, marker, met(wish) if wish else ()), "ready")


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


def _report(ssh: Ssh, facts: Facts, marker: Marker, asked: tuple[str, ...]) -> ReadyReport:
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
        macs=tuple(sorted(nic.mac for nic in facts.nics)),
        hardware=hardware(facts),
        burn_in=marker.burn_in,
        met=asked,
    )
