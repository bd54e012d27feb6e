"""The real provider classes with a boundary before and after each act, on the world of this folder.

Imported by the program, so that its resources name these classes, and with them by the provider server.
"""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import metal.chassis.boot
import metal.chassis.life
import metal.chassis.power
import metal.cluster.consul
import metal.cluster.docker
import metal.cluster.place
import metal.cluster.reboot
import metal.cluster.stackengine
import metal.cluster.swarm
import metal.cluster.wave
from metal.cluster.disrupt import at_once
from metal.site import Site
from providers import boot_device, consul_member, docker_engine, host_ready, manager_node, power, swarm_node
from providers.link import Link
from tests.engine.fakemetal import chassis, cluster
from tests.engine.fakemetal.world import step

__all__ = ["name_program"]


def name_program() -> None:
    """Called in the program: this is the process to kill for it."""
    Path(os.environ["FAKE_METAL"], "program").write_text(str(os.getpid()))


class _Walked(Link):
    def act(self, props: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
        step(props["host"], f"{type(self).__name__} begins")
        made = super().act(props, before)
        step(props["host"], f"{type(self).__name__} has begun")
        return made

    def undo(self, props: dict[str, Any]) -> None:
        step(props["host"], f"{type(self).__name__} ends")
        super().undo(props)
        step(props["host"], f"{type(self).__name__} has ended")


class BootDevice(_Walked, boot_device.BootDeviceProvider):
    pass


class Power(_Walked, power.PowerProvider):
    pass


class HostReady(_Walked, host_ready.HostReadyProvider):
    pass


class DockerEngine(_Walked, docker_engine.DockerEngineProvider):
    pass


class ConsulMember(_Walked, consul_member.ConsulMemberProvider):
    pass


class SwarmNode(_Walked, swarm_node.SwarmNodeProvider):
    pass


class ManagerNode(_Walked, manager_node.ManagerNodeProvider):
    pass


boot_device.BootDeviceProvider = BootDevice
power.PowerProvider = Power
host_ready.HostReadyProvider = HostReady
docker_engine.DockerEngineProvider = DockerEngine
consul_member.ConsulMemberProvider = ConsulMember
swarm_node.SwarmNodeProvider = SwarmNode
manager_node.ManagerNodeProvider = ManagerNode

Site.bmcs = property(lambda self: chassis.Bmcs())
metal.chassis.boot.observe_marker = metal.chassis.power.observe_marker = chassis.observe_marker
metal.chassis.life.make_ready = chassis.make_ready
metal.chassis.life.release_host = chassis.release_host
for room, names in {
    metal.cluster.docker: ("ensure_engine", "remove_engine"),
    metal.cluster.consul: ("ensure_member", "remove_member"),
    metal.cluster.swarm: ("ensure_node", "ensure_left"),
    metal.cluster.stackengine: ("ensure_manager_node", "remove_manager_node"),
}.items():
    for name in names:
        setattr(room, name, getattr(cluster, name))
# Nothing runs on this metal, so nothing is drained, rebooted or in need of a place.
metal.cluster.wave.rolling = lambda site, host, access, layer: nullcontext(at_once)
metal.cluster.reboot.ensure_rebooted = lambda *given, **named: None
metal.cluster.place.await_host = lambda site, host: None
metal.cluster.swarm.refuse_needed_host = lambda site, name, host: None
for room in (metal.cluster.consul, metal.cluster.swarm, metal.cluster.stackengine):
    room.wait_formed = lambda site, name: None
