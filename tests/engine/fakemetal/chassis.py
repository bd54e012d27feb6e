"""A BMC that remembers, and what a host's system shows after each boot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from metal.bmc.protocol import BootDevice, BootTarget, Power
from metal.errors import HostError, HostFault
from metal.host.marker import Marker, MarkerState
from metal.host.wish import ReadyReport, ReadyWish
from metal.plan.boot import MarkerSight
from metal.settings.access import Access, BmcAddress
from tests.engine.fakemetal.world import change, look, step

__all__ = ["Bmcs", "make_ready", "observe_marker", "release_host", "system"]


class Bmcs:
    """Stands in for the pool of BMC sessions."""

    @contextmanager
    def open(self, address: BmcAddress, *, deadline: object) -> Iterator[_Session]:
        yield _Session(address.host)


class _Session:
    def __init__(self, host: str) -> None:
        self._host = host

    def guid(self) -> str:
        return f"guid of {self._host}"

    def power(self) -> Power:
        return Power(look()["hosts"].get(self._host, {}).get("power", "off"))

    def power_on(self) -> None:
        if self.power() is Power.OFF:
            self._boot("on")

    def power_off(self, *, soft: float) -> None:
        with change(self._host) as (_, host):
            if host["power"] == "on":
                host["acts"].append("off")
            host["power"] = "off"
        step(self._host, "power is off")

    def power_cycle(self) -> None:
        self._boot("cycle")

    def boot_device(self) -> BootDevice:
        host = look()["hosts"].get(self._host, {})
        return BootDevice(BootTarget(host.get("target", "default")), bool(host.get("once")), False)

    def set_boot_device(self, target: BootTarget, *, once: bool, efi: bool | None) -> None:
        with change(self._host) as (_, host):
            host["target"], host["once"] = target.value, once
        step(self._host, f"boot device is {target.value}")

    def _boot(self, act: str) -> None:
        with change(self._host) as (_, host):
            host["acts"].append(act)
            host["power"] = "on"
            if host["target"] == "pxe":
                host["installs"] += 1
                host["disk"] = {"machine_id": f"m{host['installs']}", "marker": None, "engine": False, "node": None}
            if host["once"]:
                host["target"], host["once"] = "default", False
        step(self._host, f"power was {act}")


def system(host: str) -> dict[str, Any]:
    """What runs on the host.

    :raises HostError: nothing does.
    """
    found = look()["hosts"].get(host, {})
    if found.get("power") != "on" or not found.get("disk"):
        raise HostError("does not answer", fault=HostFault.UNREACHABLE, host=host)
    disk: dict[str, Any] = found["disk"]
    return disk


def observe_marker(site: object, access: Access, **_: object) -> Marker | MarkerSight:
    try:
        text = system(access.host)["marker"]
    except HostError:
        return MarkerSight.UNREACHABLE
    return Marker(**{**text, "state": MarkerState(text["state"])}) if text else MarkerSight.ABSENT


def make_ready(
    site: object, access: Access, wish: ReadyWish, *, prove: Callable[[ReadyReport], None] | None = None
) -> ReadyReport:
    disk = system(wish.host)
    seen = observe_marker(site, access)
    if isinstance(seen, Marker) and seen.generation < wish.generation:
        raise HostError("the old system answers", fault=HostFault.OLD_SYSTEM, host=wish.host)
    machine = disk["machine_id"]
    report = ReadyReport(
        host_key=f"ssh-ed25519 {machine}",
        machine_id=machine,
        os="debian-12",
        family="debian",
        kernel="6.1",
        arch="x86_64",
        cpus=2,
        memory=1024,
        serial=None,
        uuid=None,
        generation=wish.generation,
        life=wish.life,
    )
    if prove is not None:
        prove(report)
    mark = Marker(wish.owner, wish.host, wish.generation, wish.life, MarkerState.CLAIMED, False, machine)
    with change(wish.host) as (_, host):
        host["disk"]["marker"] = asdict(mark)
    step(wish.host, "marker is claimed")
    return report


def release_host(site: object, access: Access, wish: ReadyWish, *, wipe: bool) -> bool:
    system(wish.host)
    with change(wish.host) as (_, host):
        host["disk"]["marker"] |= {"state": "released", "wipe": wipe}
    step(wish.host, "marker is released")
    return True
