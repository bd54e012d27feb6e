"""One reboot of a host for each label, in its place in the wave."""

from __future__ import annotations

from metal.cluster.disrupt import Disrupt
from metal.host.reboot import read_boot_id, read_note, reboot, write_note
from metal.plan.reboot import RebootMove, RebootNote, decide_reboot
from metal.settings.access import Access
from metal.site import Site

__all__ = ["ensure_rebooted"]


def ensure_rebooted(site: Site, access: Access, label: str, *, begins: bool, reached: str, disrupt: Disrupt) -> bool:
    """Have the host rebooted since `label` was first asked for; True when this call did it.

    What was done is noted on the host, before and after, so that a run that is cut short reboots nothing twice.

    :param begins, reached: as in :func:`decide_reboot`.
    :param disrupt: entered before the host goes down.
    :raises HostError: TIMEOUT: it did not come back with another boot-id within the deadline `boot`.
    """
    if not label:
        return False
    limits, run = site.fleet.deadlines, site.run
    ssh = site.ssh.connect(access, deadline=run.deadline(limits.ssh))
    boot_id = read_boot_id(ssh)
    move = decide_reboot(label, read_note(ssh), boot_id=boot_id, begins=begins, reached=reached)
    if move is RebootMove.REBOOT:
        with disrupt(f"it reboots for {label}"):
            write_note(ssh, RebootNote(label, boot_id))
            run.progress(f"{access.host}: reboots for {label}")
            reboot(site.ssh, access, deadline=run.deadline(limits.boot))
            write_note(site.ssh.connect(access, deadline=run.deadline(limits.ssh)), RebootNote(label))
    elif move is RebootMove.NOTE:
        write_note(ssh, RebootNote(label))
    return move is RebootMove.REBOOT
