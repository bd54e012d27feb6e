"""A host's burn-in, once in each installed system, in its place in the wave."""

from __future__ import annotations

from dataclasses import replace

from metal.cluster.disrupt import Disrupt, at_once
from metal.cluster.standing import Standing
from metal.errors import Cancelled, HostError, HostFault, MetalError
from metal.host.burn_in import observe_burn_in, start_burn_in, stop_burn_in, tail_of_burn_in
from metal.host.marker import read_marker, write_marker
from metal.host.reboot import read_boot_id
from metal.host.ssh import Ssh
from metal.plan.burn_in import BurnInMove, BurnInState, BurnInUnit, decide_burn_in, fingerprint
from metal.settings.access import Access
from metal.settings.expectations import BurnIn
from metal.site import Site
from metal.waiting import Deadline, Pending, Run, wait_until

__all__ = ["ensure_burned_in"]

# What the host's own systemd may take to end it at its deadline, before the wait here gives up.
_GRACE_SECONDS = 120.0
_SILENT = (HostFault.UNREACHABLE, HostFault.TIMEOUT)


def ensure_burned_in(site: Site, access: Access, wish: BurnIn | None, *, disrupt: Disrupt) -> str:
    """Have the host pass its burn-in, unless its marker says that it has; the fingerprint of what it has passed.

    A run that dies leaves it running, and the next one finds it running or done. A run that is cancelled ends it.

    :param access: with the host key, of a host that carries our marker.
    :param disrupt: entered before it is started on a host that serves in a swarm, until its end.
    :raises HostError: NOT_READY: it failed, with its last lines; TIMEOUT: it did not end, or its host fell silent.
    """
    if wish is None:
        return ""
    wanted = fingerprint(wish)
    ssh = site.ssh.connect(access, deadline=site.run.deadline(site.fleet.deadlines.ssh))
    marker = read_marker(ssh)
    unit = observe_burn_in(ssh)
    move = decide_burn_in(wanted, marker.burn_in if marker else "", unit)
    if move is BurnInMove.NOTHING:
        return wanted
    if move is BurnInMove.TELL:
        raise _told(ssh, wish, unit)
    standing = Standing(site, access.host, access)
    standing.learn()
    # Whoever serves nothing yet takes nobody's place: a rack of new hosts is burned in at once.
    with (disrupt if standing.in_swarm else at_once)("it is burned in"):
        _carry_out(site, access, ssh, wish, move)
        if marker is not None:
            write_marker(ssh, replace(marker, burn_in=wanted))
        stop_burn_in(ssh)
    site.run.progress(f"{access.host}: has passed its burn-in")
    return wanted


def _carry_out(site: Site, access: Access, ssh: Ssh, wish: BurnIn, move: BurnInMove) -> None:
    if move is BurnInMove.NOTE:
        return
    if move is BurnInMove.RESTART:
        stop_burn_in(ssh)
    if move is BurnInMove.WATCH:
        site.run.progress(f"{access.host}: burn-in of an earlier run goes on")
    else:
        site.run.progress(f"{access.host}: burn-in begins")
        start_burn_in(ssh, wish.command, fingerprint(wish), seconds=wish.deadline)
    _await_end(site, access, ssh, wish)


def _await_end(site: Site, access: Access, ssh: Ssh, wish: BurnIn) -> None:
    deadline = site.run.deadline(wish.deadline + _GRACE_SECONDS)
    boot_id = read_boot_id(ssh)

    def probe() -> bool | Pending:
        try:
            unit = observe_burn_in(ssh)
        except HostError as error:
            if error.fault in _SILENT:
                return Pending(f"the host does not answer: {error.seen or error.what}")
            raise
        if unit.state is BurnInState.RUNNING:
            return Pending("it runs")
        if unit.state is BurnInState.FAILED:
            raise _told(ssh, wish, unit)
        if unit.state is BurnInState.ABSENT:
            raise _gone(access.host, restarted=read_boot_id(ssh) != boot_id)
        return True

    try:
        wait_until(
            "its burn-in passes",
            probe,
            deadline=deadline,
            fail=lambda late, seen: _late(site, access, deadline, seen),
            interval=2,
            host=access.host,
        )
    except Cancelled:
        if not site.run.orphaned():
            _end(site, access)
        raise


def _end(site: Site, access: Access) -> None:
    """The run was told to stop, and what it waits for with it; in a run of its own, as this one runs nothing more."""
    last = site.with_run(Run())
    try:
        stop_burn_in(last.ssh.connect(access, deadline=last.run.deadline(2), auth_grace=0), wait=False)
    except MetalError as error:
        site.run.progress(f"{access.host}: its burn-in could not be ended, and ends at its deadline: {error.what}")


def _told(ssh: Ssh, wish: BurnIn, unit: BurnInUnit) -> HostError:
    """The failure, which is told once: the unit is forgotten, so that the next run begins anew."""
    late = unit.result == "timeout"
    error = HostError(
        f"its burn-in did not end within {wish.deadline:.0f} s" if late else "its burn-in failed",
        fault=HostFault.TIMEOUT if late else HostFault.NOT_READY,
        host=ssh.access.host,
        tried=[f"burn_in: {wish.command.splitlines()[0][:80]}"],
        seen=f"{unit.result}, status {unit.status}; its last lines:\n    {tail_of_burn_in(ssh)}",
        next_step="mend what it found, or correct burn_in in the settings; the next run begins it anew",
    )
    stop_burn_in(ssh)
    return error


def _gone(host: str, *, restarted: bool) -> HostError:
    return HostError(
        "its burn-in ended without a result",
        fault=HostFault.NOT_READY,
        host=host,
        tried=["the unit of its burn-in"],
        seen="the host restarted in the middle of it" if restarted else "the unit was ended and forgotten on the host",
        next_step="look at its console and its BMC's event log for why; the next run begins it anew",
    )


def _late(site: Site, access: Access, deadline: Deadline, seen: str) -> HostError:
    return HostError(
        f"its burn-in has no result after {deadline}",
        fault=HostFault.TIMEOUT,
        host=access.host,
        tried=["the unit of its burn-in"],
        seen=seen,
        next_step="look at the host's console; the next run finds it running or done, or begins it anew",
    )
