"""What a pool expects of its hosts beyond plain floors: amounts, disks, network cards, kernels. Plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

__all__ = ["Amount", "BurnIn", "DiskKind", "DiskWish", "Expectations", "NicWish", "spell_size", "spell_speed"]


class DiskKind(StrEnum):
    HDD = "hdd"
    SSD = "ssd"
    NVME = "nvme"


@dataclass(frozen=True)
class Amount:
    """How much of something: a floor, a ceiling, or exactly that."""

    at_least: int | None = None
    at_most: int | None = None
    exactly: int | None = None

    def fits(self, found: int, *, within: float = 0.0) -> bool:
        """Whether `found` is such an amount.

        :param within: part of an exact amount by which a measured one may differ (0.02: two hundredths).
        """
        if self.exactly is not None:
            return abs(found - self.exactly) <= self.exactly * within
        return (self.at_least is None or found >= self.at_least) and (self.at_most is None or found <= self.at_most)

    def spell(self, unit: Callable[[int], str] = str) -> str:
        """In words: "exactly 16", "at least 8 and at most 32"."""
        if self.exactly is not None:
            return f"exactly {unit(self.exactly)}"
        sides = (("at least", self.at_least), ("at most", self.at_most))
        return " and ".join(f"{word} {unit(value)}" for word, value in sides if value is not None)

    def to_dict(self) -> dict[str, Any]:
        parts = {"at_least": self.at_least, "at_most": self.at_most, "exactly": self.exactly}
        return {key: value for key, value in parts.items() if value is not None}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Amount:
        """Read back :meth:`to_dict`; numbers may have become floats on the way through an engine."""
        return cls(**{key: int(value) for key, value in data.items()})


@dataclass(frozen=True)
class DiskWish:
    """Disks of one sort.

    :ivar size: bytes of each; exact ones within 2 %.
    :ivar model: glob.
    :ivar id: glob over names in /dev/disk/by-id ("wwn-0x5000c500*").
    """

    count: Amount = Amount(at_least=1)
    kind: DiskKind | None = None
    size: Amount | None = None
    model: str = ""
    id: str = ""

    def __str__(self) -> str:
        parts = [
            self.kind.value if self.kind else "disk",
            f"of {self.size.spell(spell_size)}" if self.size else "",
            f"model {self.model}" if self.model else "",
            f"id {self.id}" if self.id else "",
        ]
        return " ".join(part for part in parts if part)


@dataclass(frozen=True)
class NicWish:
    """Network cards of one sort.

    :ivar speed: of the link, in Mb/s.
    :ivar name: glob over interface names.
    :ivar mac: lower case.
    """

    count: Amount = Amount(at_least=1)
    speed: Amount | None = None
    name: str = ""
    mac: str = ""

    def __str__(self) -> str:
        parts = [
            self.name or "network card",
            f"with link speed {self.speed.spell(spell_speed)}" if self.speed else "",
            f"MAC {self.mac}" if self.mac else "",
        ]
        return " ".join(part for part in parts if part)


@dataclass(frozen=True)
class BurnIn:
    """A command that a host must pass once.

    :ivar command: lines of a POSIX shell script, run as root with `-e`.
    :ivar deadline: seconds after which it is ended and has failed.
    """

    command: str
    deadline: float

    def to_dict(self) -> dict[str, Any]:
        return {"command": self.command, "deadline": self.deadline}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> BurnIn:
        return cls(str(data["command"]), float(data["deadline"]))


@dataclass(frozen=True)
class Expectations:
    """All of it, each where it is asked for.

    :ivar memory: bytes that are fitted; exact ones within 2 %.
    :ivar kernel: globs over `uname -r`, any of which fits; empty allows any.
    :ivar time_sync: the kernel's clock is held in step by a time service.
    """

    cpus: Amount | None = None
    memory: Amount | None = None
    kernel: tuple[str, ...] = ()
    time_sync: bool = False
    disks: tuple[DiskWish, ...] = ()
    nics: tuple[NicWish, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Only what is asked for, so that a host that is asked nothing more keeps its inputs."""
        parts: dict[str, Any] = {
            "cpus": self.cpus.to_dict() if self.cpus else None,
            "memory": self.memory.to_dict() if self.memory else None,
            "kernel": list(self.kernel),
            "time_sync": self.time_sync,
            "disks": [_sort_to_dict(one.count, size=one.size, kind=one.kind, model=one.model, id=one.id)
                      for one in self.disks],
            "nics": [_sort_to_dict(one.count, speed=one.speed, name=one.name, mac=one.mac) for one in self.nics],
        }  # fmt: skip
        return {key: value for key, value in parts.items() if value}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Expectations:
        """Read back :meth:`to_dict`."""
        return cls(
            cpus=_amount(data.get("cpus")),
            memory=_amount(data.get("memory")),
            kernel=tuple(str(glob) for glob in data.get("kernel") or ()),
            time_sync=bool(data.get("time_sync")),
            disks=tuple(
                DiskWish(
                    count=Amount.from_dict(one["count"]),
                    kind=DiskKind(one["kind"]) if one.get("kind") else None,
                    size=_amount(one.get("size")),
                    model=str(one.get("model") or ""),
                    id=str(one.get("id") or ""),
                )
                for one in data.get("disks") or ()
            ),
            nics=tuple(
                NicWish(
                    count=Amount.from_dict(one["count"]),
                    speed=_amount(one.get("speed")),
                    name=str(one.get("name") or ""),
                    mac=str(one.get("mac") or ""),
                )
                for one in data.get("nics") or ()
            ),
        )


def spell_size(size: int) -> str:
    """Bytes as their makers print them: memory in GiB, disks in GB or TB."""
    for unit, name in ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB")):
        if size >= unit and size % unit == 0:
            return f"{size // unit} {name}"
    for unit, name in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB")):
        if size >= unit:
            return f"{size / unit:.4g} {name}"
    return f"{size} bytes"


def spell_speed(speed: int) -> str:
    """Mb/s in words."""
    return f"{speed / 1000:g} Gb/s" if speed >= 1000 else f"{speed} Mb/s"


def _amount(data: Mapping[str, Any] | None) -> Amount | None:
    return Amount.from_dict(data) if data else None


def _sort_to_dict(count: Amount, **members: Amount | StrEnum | str | None) -> dict[str, Any]:
    plain = {
        key: value.to_dict() if isinstance(value, Amount) else str(value) for key, value in members.items() if value
    }
    return {"count": count.to_dict(), **plain}
