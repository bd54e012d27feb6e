"""One machine in memory: a BMC that remembers, and what its system shows after each boot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from metal.bmc.protocol import BootDevice, BootTarget, Power
from metal.chassis.wish import ChassisWish
from metal.errors import BmcError, BmcFault
from metal.host.marker import Marker, MarkerState
from metal.plan.boot import MarkerSight
from metal.settings.access import Access, BmcAddress, BmcProtocol
from metal.settings.fleet import OnLeave, PowerRestore, PowerWish
from metal.site import Deaths

__all__ = ["ACCESS", "BMC", "GUID", "OWNER", "Machine", "Pools", "marker", "wish"]

OWNER = "shop/prod"
ACCESS = Access("n1", "10.0.0.1", 22, "root", "default", False)
GUID = "a1" * 8 + "b2" * 8
BMC = BmcAddress("n1", "10.9.0.1", 623, BmcProtocol.IPMI, "default")


@dataclass
class Machine:
    """A host and its BMC.

    :ivar disk: what its system shows once it is up; None for a disk that does not boot.
    :ivar obeys_pxe: a network boot installs a fresh system.
    :ivar guid: whose its BMC says it is.
    :ivar keeps_override: its BMC forgets to take a one-shot back after the boot.
    :ivar acts: what was done to it, in order.
    """

    power: Power = Power.OFF
    device: BootDevice = field(default_factory=lambda: BootDevice(BootTarget.DEFAULT))
    disk: Marker | MarkerSight | None = None
    obeys_pxe: bool = True
    keeps_override: bool = False
    silent: bool = False
    guid: str = GUID
    restore: PowerRestore | None = PowerRestore.OFF
    acts: list[str] = field(default_factory=list)

    def shows(self) -> Marker | MarkerSight:
        return MarkerSight.UNREACHABLE if self.power is Power.OFF or self.disk is None else self.disk

    def boot(self) -> None:
        self.power = Power.ON
        if self.device.target is BootTarget.PXE and self.obeys_pxe:
            self.disk = MarkerSight.ABSENT
            self.acts.append("installs")
        if self.device.once and not self.keeps_override:
            self.device = BootDevice(BootTarget.DEFAULT)

    @contextmanager
    def open(self, address: BmcAddress, *, deadline: object) -> Iterator[Session]:
        if self.silent:
            raise BmcError("does not answer", fault=BmcFault.TIMEOUT, host=address.host)
        yield Session(self)


class Session:
    """One session with the machine's BMC."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def power(self) -> Power:
        return self._machine.power

    def guid(self) -> str:
        return self._machine.guid

    def power_on(self) -> None:
        if self._machine.power is Power.OFF:
            self._machine.acts.append("on")
            self._machine.boot()

    def power_off(self, *, soft: float) -> None:
        if self._machine.power is Power.ON:
            self._machine.acts.append("soft off" if soft else "off")
        self._machine.power = Power.OFF

    def power_cycle(self) -> None:
        self._machine.acts.append("cycle")
        self._machine.boot()

    def boot_device(self) -> BootDevice:
        return self._machine.device

    def power_restore(self) -> PowerRestore | None:
        return self._machine.restore

    def set_power_restore(self, policy: PowerRestore) -> None:
        self._machine.acts.append(f"restores {policy}")
        self._machine.restore = policy

    def set_boot_device(self, target: BootTarget, *, once: bool, efi: bool | None) -> None:
        self._machine.device = BootDevice(target, once, bool(efi))


@dataclass
class Pools:
    bmcs: Machine
    deaths: Deaths = field(default_factory=Deaths)


def wish(**changes: object) -> ChassisWish:
    """Wanted: generation 1, running."""
    wanted = {
        "host": "n1",
        "owner": OWNER,
        "life": "g1",
        "generation": 1,
        "blank": False,
        "lost": False,
        "power": PowerWish.ON,
        "access": ACCESS,
        "bmc": BMC,
        "on_leave": OnLeave.KEEP,
        "on_destroy": OnLeave.OFF,
    }
    return ChassisWish(**{**wanted, **changes})


def marker(**changes: object) -> Marker:
    """Ours, of generation 1."""
    of = {
        "owner": OWNER,
        "host": "n1",
        "generation": 1,
        "life": "g1",
        "state": MarkerState.CLAIMED,
        "wipe": False,
        "machine_id": "m1",
    }
    return Marker(**{**of, **changes})
