"""A host that is to be taken down: reached, or found dead once a run, its power cut so that it really is."""

from __future__ import annotations

from metal.errors import BmcError, HostError, HostFault
from metal.host.ssh import Ssh
from metal.settings.access import Access
from metal.site import Death, Site

__all__ = ["reach_or_fence"]

_SILENT = (HostFault.UNREACHABLE, HostFault.TIMEOUT)


def reach_or_fence(site: Site, access: Access) -> Ssh | Death:
    """The host, or that it will not answer in this run; decided once, so that waits do not add up over its layers.

    A host that does not answer within the deadline `evict` is switched off through its BMC, and that is read back: what
    is half dead must not go on acting while others take its place. The BMC gets the deadline `power`, and a silent one
    is given up long before. A host given up by the settings is asked nothing at all.

    :raises HostError: it answers and is not to be used (login refused), or its jump host does not answer.
    """
    host = access.host
    facts = site.fleet.facts(host)
    if facts is not None and facts.lost:
        return Death("the inventory has given it up", proven=True)
    if facts is not None and facts.evict:
        return Death(f"it is on hold ({facts.hold}) and to be evicted", proven=True)
    with site.deaths.about(host) as known:
        if known.death is not None:
            return known.death
        try:
            return site.ssh.connect(access, deadline=site.run.deadline(site.fleet.deadlines.evict))
        except HostError as error:
            if site.is_gone(host, error):
                # What the inventory says of its BMC is about the new metal; that one is not to be switched off for it.
                known.death = Death(
                    f"other metal takes its name ({error.seen or error.what})", proven=False, other_system=True
                )
            elif error.fault is HostFault.HOST_KEY and error.host == host and error.seen:
                known.death = Death(
                    f"another system answers in its place ({error.seen})", proven=False, other_system=True
                )
            elif error.fault in _SILENT and "through jump host" not in (error.seen or ""):
                known.death = _fence(site, host)
            else:
                raise
        site.run.progress(f"{host}: {known.death.how}")
        return known.death


def _fence(site: Site, host: str) -> Death:
    """Cut the power of a host that does not answer; say how that went."""
    facts = site.fleet.facts(host)
    if facts is None or facts.bmc is None:
        return Death("does not answer, and has no BMC to cut its power with", proven=False)
    site.run.progress(f"{host}: does not answer; its power is cut before others take its place")
    try:
        with site.bmcs.open(facts.bmc, deadline=site.run.deadline(site.fleet.deadlines.power)) as bmc:
            # No soft shutdown: a system that does not answer does not stop in order.
            bmc.power_off(soft=0)
    except BmcError as error:
        return Death(f"does not answer, and its power could not be cut: {error.what}", proven=False)
    return Death("does not answer; its power is off, read back from its BMC", proven=True)
