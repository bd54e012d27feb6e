"""A host that is to be taken out of a cluster: reached, or known to be gone so that the living side acts for it."""

from __future__ import annotations

from metal.errors import HostError, HostFault
from metal.host.ssh import Ssh
from metal.settings.access import Access
from metal.site import Site

__all__ = ["reach_leaver"]

_SILENT = (HostFault.UNREACHABLE, HostFault.TIMEOUT)


def reach_leaver(site: Site, access: Access, *, instead: str) -> Ssh | None:
    """The host, or None when the inventory has given it up or it does not answer within the deadline `evict`.

    None too where other metal stands in its place by now.

    :param instead: who acts for a host that does not answer, as a clause ("the ring deregisters it").
    :raises HostError: it answers and is not to be used: key, login, host key.
    """
    facts = site.fleet.facts(access.host)
    if facts is not None and facts.lost:
        return None
    try:
        return site.ssh.connect(access, deadline=site.run.deadline(site.fleet.deadlines.evict))
    except HostError as error:
        if error.fault not in _SILENT and not site.is_gone(access.host, error):
            raise
        site.run.progress(f"{access.host}: does not answer; {instead}")
        return None
