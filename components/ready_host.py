"""ReadyHost: one server from whatever it is now to ready state."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from components.inputs import boot_device_inputs, host_ready_inputs, power_inputs
from components.names import former_names
from metal.settings.fleet import Fleet, HostWish, PowerWish
from providers.boot_device import BootDevice
from providers.host_ready import HostReady
from providers.power import Power

__all__ = ["ReadyHost"]


class ReadyHost(pulumi.ComponentResource):
    """BootDevice -> Power -> HostReady. A host that is wanted off ends with its power link.

    Every link of a protected host is protected, in the other components too: a chain is deleted from its end, and the
    engine looks at each link only when its turn comes.

    :param after: what must have passed before anything of the host begins, its replacement included.
    :ivar ready: the last link, or None for a host that is wanted off.
    """

    def __init__(
        self,
        host: HostWish,
        fleet: Fleet,
        after: Sequence[pulumi.Resource] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        renamed = pulumi.ResourceOptions(aliases=former_names(host))
        super().__init__("metalswarm:index:ReadyHost", host.name, None, pulumi.ResourceOptions.merge(opts, renamed))
        own = pulumi.ResourceOptions(parent=self, protect=host.protected, aliases=former_names(host))
        # No property edge: a change of what it waits for is no new life of the host.
        first = pulumi.ResourceOptions.merge(own, pulumi.ResourceOptions(depends_on=list(after)))
        overrides = fleet.clusters[host.cluster].override if host.cluster else ()
        boot = BootDevice(host.name, boot_device_inputs(host, fleet.owner, overrides), first)
        power = Power(host.name, power_inputs(host, fleet.owner, boot.id), own)
        self.ready: HostReady | None = None
        if host.power is PowerWish.ON:
            self.ready = HostReady(host.name, host_ready_inputs(host, fleet, power.id), own)
        self.register_outputs({})
