"""One host looked at over SSH: login, identity, disk, clock, package manager. Changes nothing."""

from __future__ import annotations

from metal.doctor.sight import SshSight, Trouble
from metal.errors import HostError, SettingsError
from metal.host import plan
from metal.host.clock import measure_skew
from metal.host.facts import observe_facts
from metal.host.packages import Packages
from metal.host.packages.lock import lock_holder
from metal.host.wish import ReadyWish
from metal.settings.fleet import HostFacts
from metal.site import Site
from metal.waiting import LOOK_SECONDS

__all__ = ["observe_host"]


def observe_host(site: Site, facts: HostFacts, *, timeout: float = LOOK_SECONDS) -> SshSight:
    """Look at a host without raising for what is wrong with it.

    :param timeout: seconds that a silent host is given.
    :raises Cancelled: the run was cancelled.
    """
    run = site.run
    began = run.clock()
    try:
        ssh = site.ssh.connect(site.access(facts.name), deadline=run.deadline(timeout), auth_grace=0)
        seconds = run.clock() - began
        if ssh.run(["id", "-u"], check=False).stdout.strip() != "0":
            return SshSight(seconds, root=False)
        seen = observe_facts(ssh)
        skew = measure_skew(ssh)
        holder = lock_holder(ssh, Packages.for_host(ssh, seen).locks) or ""
    except (HostError, SettingsError) as error:
        return SshSight(trouble=Trouble.of(error))
    mismatch = None
    try:
        plan.check_identity(_identity(site, facts), seen)
    except HostError as error:
        mismatch = Trouble.of(error)
    return SshSight(seconds, seen.release, skew=skew, lock=holder, read_only=seen.read_only, mismatch=mismatch)


def _identity(site: Site, facts: HostFacts) -> ReadyWish:
    """What the inventory says of the machine, in the form that the ready state is checked by."""
    return ReadyWish(
        host=facts.name,
        owner=site.fleet.owner,
        generation=0,
        life="",
        os=(),
        clock_skew=site.fleet.ready.clock_skew,
        cpus=0,
        memory=0,
        serial=facts.serial,
        uuid=facts.uuid,
        macs=facts.macs,
    )
