"""What a lab consists of: pure values from which every name, address and path is made."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from lab.errors import LabError
from metal.errors import InputError

__all__ = ["HostSpec", "LabSpec"]

_CHECKOUT = Path(__file__).resolve().parent.parent
_NAME = re.compile(r"[a-z][a-z0-9]{0,7}")
_PATH = re.compile(r"[A-Za-z0-9/._+@:=,-]+")
_SUBNET, _BMC_BASE = IPv4Network("10.77.0.0/24"), IPv4Address("127.0.2.0")
_FIRST_HOST = 11
"""Host number in the subnet of the first machine; 1 is the mirror."""


@dataclass(frozen=True)
class HostSpec:
    """One machine of a lab.

    :ivar name: inventory name, also the name of its switch port.
    :ivar bmc: address its BMC answers at, on loopback.
    :ivar mac: hardware address of its only interface; the same for ever.
    :ivar directory: everything that makes up this machine.
    :ivar redfish_port: where its BMC speaks Redfish too; 0 where it does not.
    """

    name: str
    address: IPv4Address
    bmc: IPv4Address
    bmc_port: int
    mac: str
    directory: Path
    redfish_port: int = 0

    @property
    def bmc_directory(self) -> Path:
        return self.directory / "bmc"

    @property
    def machine_directory(self) -> Path:
        return self.directory / "machine"

    @property
    def faults(self) -> Path:
        """File of the faults that are armed on it (lab/faults/book.py)."""
        return self.directory / "faults.json"

    @property
    def spent_faults(self) -> tuple[Path, Path]:
        """Files in which its BMC and its firmware note how often faults were played."""
        return self.bmc_directory / "spent.json", self.machine_directory / "spent.json"


@dataclass(frozen=True)
class LabSpec:
    """A lab; two with different names, subnets and BMC addresses live side by side.

    :ivar name: at most 8 lower-case letters and digits.
    :ivar subnet: of the hosts; its first address is the artifact mirror's.
    :ivar bmc_base: BMC of host i is this address plus i.
    :ivar redfish_port: of every BMC; 0 leaves it at IPMI.
    :ivar install_limit: network installs in a row that nobody claimed, after which a host refuses another.
    :ivar cache: what labs share: image, packages, binaries.
    """

    name: str = "lab"
    hosts: int = 6
    subnet: IPv4Network = _SUBNET
    bmc_base: IPv4Address = _BMC_BASE
    bmc_port: int = 6230
    mirror_port: int = 8080
    install_limit: int = 2
    redfish_port: int = 0
    directory: Path = _CHECKOUT / ".metalswarm" / "lab"
    cache: Path = _CHECKOUT / ".metalswarm" / "cache"

    def __post_init__(self) -> None:
        problems = []
        if not _NAME.fullmatch(self.name):
            problems.append(f"name {self.name!r}: a lower-case letter, then at most 7 letters or digits")
        if not 1 <= self.hosts <= min(200, self.subnet.num_addresses - _FIRST_HOST - 1):
            problems.append(f"hosts {self.hosts}: 1 to 200, and {self.subnet} must hold them from .{_FIRST_HOST} on")
        if not self.bmc_base.is_loopback:
            problems.append(f"bmc_base {self.bmc_base}: a loopback address (127.a.b.0)")
        problems += [f"{key} {port}: 1 to 65535" for key, port in self._ports() if not 1 <= port <= 65535]
        if self.install_limit < 1:
            problems.append(f"install_limit {self.install_limit}: at least 1")
        problems += [
            f"{key} {path}: an absolute path of letters, digits and /._+@:=,- (the BMC simulator quotes no others)"
            for key, path in (("directory", self.directory), ("cache", self.cache))
            if not path.is_absolute() or not _PATH.fullmatch(str(path))
        ]
        if problems:
            raise LabError("the lab's description is refused: " + "; ".join(problems))

    def _ports(self) -> tuple[tuple[str, int], ...]:
        redfish = (("redfish_port", self.redfish_port),) if self.redfish_port else ()
        return (("bmc_port", self.bmc_port), ("mirror_port", self.mirror_port), *redfish)

    @property
    def machines(self) -> tuple[HostSpec, ...]:
        return tuple(self._machine(number) for number in range(1, self.hosts + 1))

    def machine(self, name: str) -> HostSpec:
        """:raises InputError: when the lab has no host of that name."""
        for machine in self.machines:
            if machine.name == name:
                return machine
        raise InputError([f"HOST = {name}: no such host in lab {self.name}; allowed: n1 to n{self.hosts}"])

    def _machine(self, number: int) -> HostSpec:
        name = f"n{number}"
        digest = hashlib.sha256(f"{self.name}/{name}".encode()).digest()
        return HostSpec(
            name=name,
            address=self.subnet.network_address + _FIRST_HOST - 1 + number,
            bmc=self.bmc_base + number,
            bmc_port=self.bmc_port,
            mac="02:" + digest[:5].hex(":"),
            directory=self.directory / "hosts" / name,
            redfish_port=self.redfish_port,
        )

    @property
    def interface(self) -> str:
        """The lab's interface on this machine; holds the mirror's address."""
        return f"ms-{self.name}"

    @property
    def switch(self) -> str:
        """The network namespace that holds the bridge, so that this machine's own rules never see it."""
        return f"ms-{self.name}-switch"

    @property
    def cgroup(self) -> str:
        return f"metalswarm-{self.name}"

    @property
    def mirror_address(self) -> IPv4Address:
        return self.subnet.network_address + 1

    @property
    def mirror_url(self) -> str:
        return f"http://{self.mirror_address}:{self.mirror_port}"

    @property
    def key(self) -> Path:
        """Private key of root on every host."""
        return self.directory / "keys" / "id_ed25519"

    @property
    def bmc_login(self) -> Path:
        """File with "user:password" of all BMCs."""
        return self.directory / "keys" / "bmc-login"

    def to_dict(self) -> dict[str, str | int]:
        said = {key: value if isinstance(value, int) else str(value) for key, value in asdict(self).items()}
        # A lab of before there was Redfish stays the same lab.
        return said if self.redfish_port else {key: said[key] for key in said if key != "redfish_port"}

    @classmethod
    def from_dict(cls, values: Mapping[str, str | int]) -> LabSpec:
        return cls(
            name=str(values["name"]),
            hosts=int(values["hosts"]),
            subnet=IPv4Network(values["subnet"]),
            bmc_base=IPv4Address(values["bmc_base"]),
            bmc_port=int(values["bmc_port"]),
            mirror_port=int(values["mirror_port"]),
            install_limit=int(values["install_limit"]),
            redfish_port=int(values.get("redfish_port", 0)),
            directory=Path(str(values["directory"])),
            cache=Path(str(values["cache"])),
        )
