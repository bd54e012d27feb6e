"""One host seen from both sides: chassis power through its BMC, life marker over SSH."""

from __future__ import annotations

from metal.bmc.protocol import Power
from metal.errors import BmcError, HostError, HostFault
from metal.host.marker import Marker, read_marker
from metal.plan.boot import MarkerSight
from metal.settings.access import Access, BmcAddress
from metal.site import Site
from metal.waiting import Deadline

__all__ = ["is_off", "observe_marker", "observe_power"]

# A host that is up answers in well under a second; this only bounds how long a silent one is given.
_GLANCE = 10.0

_SILENT = (HostFault.UNREACHABLE, HostFault.TIMEOUT)
_SHUT = (HostFault.AUTH, HostFault.HOST_KEY)


def observe_power(site: Site, bmc: BmcAddress) -> Power:
    """Chassis power as the BMC reports it, within `deadlines.bmc`."""
    with site.bmcs.open(bmc, deadline=site.run.deadline(site.fleet.deadlines.bmc)) as session:
        return session.power()


def observe_marker(site: Site, access: Access, *, deadline: Deadline | None = None) -> Marker | MarkerSight:
    """The host's life marker, or that it has none, or that it does not answer.

    A host that answers and refuses our key, or shows another host key, counts as one without a marker: something runs
    there, and it is not known to be ours.

    :param deadline: None gives a silent host ten seconds.
    """
    try:
        ssh = site.ssh.connect(access, deadline=deadline or site.run.deadline(_GLANCE))
        return read_marker(ssh) or MarkerSight.ABSENT
    except HostError as error:
        if error.fault in _SILENT:
            return MarkerSight.UNREACHABLE
        if error.fault in _SHUT:
            return MarkerSight.ABSENT
        raise


def is_off(site: Site, bmc: BmcAddress) -> bool:
    """Whether the BMC says that the chassis is off; False too when it does not answer, so nothing follows from that."""
    try:
        return observe_power(site, bmc) is Power.OFF
    except BmcError:
        return False
