"""What a host must be to count as ready, and what is reported of one that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from metal.settings.expectations import Expectations
from metal.settings.fleet import Fleet, HostWish

__all__ = ["ReadyReport", "ReadySeen", "ReadyWish"]


@dataclass(frozen=True)
class ReadyWish:
    """The ready state wanted of one host. Plain values: can be a resource's input.

    :ivar os: allowed releases ("debian-12"); empty allows any.
    :ivar clock_skew: seconds.
    :ivar memory: bytes.
    :ivar serial, uuid, macs: the inventory's identity; what it does not give is not checked.
    :ivar was: the name under which we claimed it, where it gets another one now.
    :ivar expect: what is asked beyond the floors.
    :ivar known: serial, uuid and macs as this life has shown them; empty for a life that has not shown itself.
    """

    host: str
    owner: str
    generation: int
    life: str
    os: tuple[str, ...]
    clock_skew: float
    cpus: int
    memory: int
    serial: str | None = None
    uuid: str | None = None
    macs: tuple[str, ...] = ()
    was: str | None = None
    expect: Expectations = field(default=Expectations())
    known: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, fleet: Fleet, host: HostWish) -> ReadyWish:
        """The wish for one host of a fleet."""
        floors = host.ready
        return cls(
            host=host.name,
            owner=fleet.owner,
            generation=host.generation,
            life=host.life,
            os=tuple(floors.os),
            clock_skew=floors.clock_skew,
            cpus=floors.cpus,
            memory=floors.memory,
            serial=host.serial,
            uuid=host.uuid,
            macs=tuple(host.macs),
            expect=floors.expect,
        )

    def to_dict(self) -> dict[str, Any]:
        plain = {"os": list(self.os), "macs": list(self.macs), "expect": self.expect.to_dict()}
        return {**asdict(self), **plain, "known": dict(self.known)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ReadyWish:
        """Read back :meth:`to_dict`; numbers may have become floats on the way through an engine."""
        return cls(
            host=str(data["host"]),
            owner=str(data["owner"]),
            generation=int(data["generation"]),
            life=str(data["life"]),
            os=tuple(str(release) for release in data["os"]),
            clock_skew=float(data["clock_skew"]),
            cpus=int(data["cpus"]),
            memory=int(data["memory"]),
            serial=data.get("serial") or None,
            uuid=data.get("uuid") or None,
            macs=tuple(str(mac) for mac in data.get("macs") or ()),
            expect=Expectations.from_dict(data.get("expect") or {}),
            known=dict(data.get("known") or {}),
        )


@dataclass(frozen=True)
class ReadyReport:
    """What is known of a ready host and does not change by itself: no clock, no boot, no load.

    :ivar host_key: `type base64`, verified.
    :ivar os: `id-version`, as in the settings.
    :ivar memory: MiB.
    :ivar generation, life: of the marker on it.
    :ivar macs: of its network cards, sorted.
    :ivar hardware: as :func:`metal.host.expect.hardware`.
    :ivar burn_in: what it has passed, as its marker says; empty for none.
    :ivar met: what was asked of it and holds, in words; empty where nobody asked.
    """

    host_key: str
    machine_id: str
    os: str
    family: str
    kernel: str
    arch: str
    cpus: int
    memory: int
    serial: str | None
    uuid: str | None
    generation: int
    life: str
    macs: tuple[str, ...] = ()
    hardware: Mapping[str, Any] = field(default_factory=dict)
    burn_in: str = ""
    met: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> dict[str, Any]:
        """Which metal it is, in the form of :func:`metal.plan.identity.differences`."""
        return {"serial": self.serial or "", "uuid": self.uuid or "", "macs": list(self.macs)}

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "macs": list(self.macs), "met": list(self.met)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ReadyReport:
        """Read back :meth:`to_dict`; numbers may have become floats on the way through an engine."""
        return cls(
            host_key=str(data["host_key"]),
            machine_id=str(data["machine_id"]),
            os=str(data["os"]),
            family=str(data["family"]),
            kernel=str(data["kernel"]),
            arch=str(data["arch"]),
            cpus=int(data["cpus"]),
            memory=int(data["memory"]),
            serial=data.get("serial") or None,
            uuid=data.get("uuid") or None,
            generation=int(data["generation"]),
            life=str(data["life"]),
            macs=tuple(str(mac) for mac in data.get("macs") or ()),
            hardware=dict(data.get("hardware") or {}),
            burn_in=str(data.get("burn_in") or ""),
            met=tuple(str(line) for line in data.get("met") or ()),
        )


@dataclass(frozen=True)
class ReadySeen:
    """One look at a host.

    :ivar report: None when it did not answer, or is not claimed by the owner asked for.
    :ivar condition: "ready", "unreachable", "refused" (key or login), "unclaimed" or "claimed by <owner>".
    :ivar cause: for a warning, without the host's name; an error in its lines. Empty when ready.
    """

    report: ReadyReport | None
    condition: str
    cause: str = ""

    @property
    def ready(self) -> bool:
        return self.condition == "ready"
