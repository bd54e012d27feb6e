"""Switches off, through its own BMC, the metal that another one takes the name and the address of."""

from __future__ import annotations

from metal.bmc.protocol import BootTarget
from metal.chassis.power import SOFT_OFF
from metal.chassis.wish import ChassisWish
from metal.errors import BmcError
from metal.settings.access import BmcAddress
from metal.settings.fleet import HostFacts
from metal.site import Site

__all__ = ["retire_metal"]


def retire_metal(site: Site, wish: ChassisWish, guid: str) -> None:
    """Have the old metal off, with its boot device at its default, so that two machines do not share one address.

    Nothing is done to a machine that is not known to be the old one: the BMC's address may be another host's by now,
    or the new metal's own. A BMC that does not answer is told of and not waited for: its server is on its way out.

    :param wish: of the life that ends; its BMC is the old one's.
    :param guid: which machine that life began on; empty where that is not known.
    """
    tell = site.run.progress
    old = wish.bmc
    if old is None:
        tell(f"{wish.host}: the old metal has no BMC; see that it is off before the new one takes its address")
        return
    heir = _heir(site, old)
    if heir is not None and heir.name != wish.host:
        tell(f"{wish.host}: the old BMC's address {old.address} is that of {heir.name} now; left alone")
        return
    try:
        with site.bmcs.open(old, deadline=site.run.deadline(site.fleet.deadlines.power)) as bmc:
            seen = bmc.guid()
            known = bool(guid and seen)
            if (known and seen != guid) or (heir is not None and not known):
                tell(f"{wish.host}: the BMC at {old.address} is not known to be the old one; left alone")
                return
            bmc.set_boot_device(BootTarget.DEFAULT, once=False, efi=None)
            bmc.power_off(soft=SOFT_OFF)
            tell(f"{wish.host}: the old metal is off")
    except BmcError as error:
        tell(
            f"{wish.host}: the old metal's BMC could not switch it off ({error.what}); see that it is off before the "
            "new one takes its address"
        )


def _heir(site: Site, old: BmcAddress) -> HostFacts | None:
    """The host that the inventory now gives this BMC's address to."""
    for facts in (*site.fleet.hosts.values(), *site.fleet.unmanaged.values()):
        if facts.bmc and facts.bmc.place == old.place:
            return facts
    return None
