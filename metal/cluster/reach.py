"""A host that is to be taken out of a cluster: reached, or known to be gone so that the living side acts for it."""

from __future__ import annotations

from metal.chassis.death import reach_or_fence
from metal.host.ssh import Ssh
from metal.settings.access import Access
from metal.site import Death, Site

__all__ = ["reach_leaver"]


def reach_leaver(site: Site, access: Access, *, instead: str) -> Ssh | None:
    """The host, or None when the settings have given it up or this run has found it dead.

    None too where other metal stands in its place by now.

    :param instead: who acts for a host that does not answer, as a clause ("the ring deregisters it").
    :raises HostError: it answers and is not to be used: login refused.
    """
    found = reach_or_fence(site, access)
    if isinstance(found, Death):
        site.run.progress(f"{access.host}: {found.how}; {instead}")
        return None
    return found
