"""The resolved settings: the whole wanted state as frozen plain values, complete and checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

from metal.settings.access import Access, BmcAddress
from metal.settings.expectations import BurnIn, Expectations
from metal.settings.external import ExternalConsul
from metal.waiting import Limit

__all__ = [
    "Artifact",
    "Availability",
    "BackupWish",
    "ClusterWish",
    "ConsulWish",
    "Deadlines",
    "DestroyRule",
    "DockerWish",
    "EngineRule",
    "FirmwareMode",
    "Fleet",
    "HostFacts",
    "HostWish",
    "Identity",
    "LastingBoot",
    "Limits",
    "ManagerDriver",
    "ManagerWish",
    "OnLeave",
    "OnStuck",
    "PowerRestore",
    "PowerWish",
    "Purpose",
    "ReadyFloors",
    "SwarmWish",
]


class Purpose(StrEnum):
    """What a pool's hosts are for; each includes the ones before it, except FREE, which holds nothing."""

    FREE = "free"
    READY = "ready"
    DOCKER = "docker"
    SWARM = "swarm"

    @property
    def has_docker(self) -> bool:
        return self in (Purpose.DOCKER, Purpose.SWARM)


class PowerWish(StrEnum):
    ON = "on"
    OFF = "off"


class PowerRestore(StrEnum):
    """What a chassis does when mains power returns: stay off, go back to what it was, come on."""

    OFF = "off"
    PREVIOUS = "previous"
    ON = "on"


class LastingBoot(StrEnum):
    """What a chassis boots when nobody says otherwise for one boot; DEFAULT is the order of its firmware."""

    DEFAULT = "default"
    DISK = "disk"
    PXE = "pxe"


class FirmwareMode(StrEnum):
    """By which firmware interface a chassis boots what it is told to boot."""

    UEFI = "uefi"
    LEGACY = "legacy"

    @property
    def efi(self) -> bool:
        """The same in the words of a BMC."""
        return self is FirmwareMode.UEFI


class OnLeave(StrEnum):
    """What becomes of a host that leaves its cluster, or of the stack's hosts at destroy."""

    KEEP = "keep"
    OFF = "off"
    REINSTALL = "reinstall"


class EngineRule(StrEnum):
    """Whether the engine of a pool's hosts is ours to install, configure and restart, or kept as it runs."""

    MANAGED = "managed"
    KEEP = "keep"


class Availability(StrEnum):
    """Whether a swarm node takes tasks."""

    ACTIVE = "active"
    PAUSE = "pause"
    DRAIN = "drain"


class OnStuck(StrEnum):
    """What a removal does when its drain deadline has passed and work is still on the node."""

    WAIT = "wait"
    FORCE = "force"
    STOP = "stop"


class DestroyRule(StrEnum):
    ALLOW = "allow"
    REFUSE = "refuse"


class ManagerDriver(StrEnum):
    NONE = "none"
    STACKENGINE = "stackengine"


@dataclass(frozen=True)
class Artifact:
    """A file that a host downloads itself.

    :ivar sha256: 64 hex digits, or None where `sha256_url` is given.
    :ivar sha256_url: where the digest is read from; only a private address, for a lab (docs/settings.md).
    """

    version: str
    url: str
    sha256: str | None = None
    sha256_url: str | None = None


@dataclass(frozen=True)
class Limits:
    """What one run may do at most.

    :ivar bmc_sessions: BMC sessions open at once, over all BMCs.
    :ivar bmc_per_subnet: the same in one /24 (IPv6: /64).
    :ivar max_unavailable: hosts of a pool disrupted at once, where the pool says nothing.
    """

    destroy: DestroyRule = DestroyRule.ALLOW
    bmc_sessions: int = 64
    bmc_per_subnet: int = 16
    max_unavailable: int = 1


@dataclass(frozen=True)
class Deadlines:
    """The longest that each kind of wait may last, in seconds that know their setting."""

    bmc: float = 15
    power: float = 120
    probe: float = 60
    boot: float = 900
    ssh: float = 300
    ready: float = 300
    packages: float = 900
    engine: float = 300
    consul: float = 180
    swarm: float = 300
    drain: float = 300
    manager: float = 180
    evict: float = 60

    def __post_init__(self) -> None:
        for each in fields(self):
            object.__setattr__(self, each.name, Limit(getattr(self, each.name), f"deadlines.{each.name}"))


@dataclass(frozen=True)
class ReadyFloors:
    """What a host must be to count as ready.

    :ivar os: allowed releases as `id-version` of os-release ("debian-12"); empty allows any supported one.
    :ivar clock_skew: seconds between the host's clock and ours.
    :ivar cpus: at least.
    :ivar memory: bytes that the kernel has, at least.
    :ivar expect: what is asked beyond these floors.
    :ivar burn_in: what it must pass once, before anything is put on it.
    """

    os: tuple[str, ...] = ()
    clock_skew: float = 5
    cpus: int = 1
    memory: int = 512 * 1024 * 1024
    expect: Expectations = field(default=Expectations())
    burn_in: BurnIn | None = None


@dataclass(frozen=True)
class DockerWish:
    """The engine on every host that has one.

    :ivar package: package name ("docker.io", "docker-ce").
    :ivar version: version or glob ("20.10.24*"), as the package family matches it.
    :ivar daemon: merged into daemon.json under what we set ourselves.
    """

    package: str = "docker.io"
    version: str = "*"
    daemon: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SwarmWish:
    """Settings of one swarm.

    `address_pool`, `subnet_size`, `data_path_port` and `interface` exist at its birth only.

    :ivar address_pool: CIDR that overlay networks are cut from.
    :ivar subnet_size: prefix length of one overlay network.
    :ivar interface: interface whose address is advertised; None means the host's inventory address.
    :ivar port: the client port with mutual TLS on managers.
    :ivar rebalance: services that would gain are spread anew after workers have joined.
    """

    address_pool: str = "10.0.0.0/8"
    subnet_size: int = 24
    data_path_port: int = 4789
    interface: str | None = None
    port: int = 2475
    rebalance: bool = False


@dataclass(frozen=True)
class ConsulWish:
    """:ivar external: an existing Consul that keeps the cluster's record and node list; None for one of our own."""

    datacenter: str
    external: ExternalConsul | None = None


@dataclass(frozen=True)
class ManagerWish:
    """The container manager of one cluster.

    :ivar key: profile name of the vendor's key; never the key.
    :ivar artifact: None for driver `none`.
    """

    driver: ManagerDriver = ManagerDriver.NONE
    key: str = "default"
    artifact: Artifact | None = None


@dataclass(frozen=True)
class Identity:
    """Rotation numbers; a raised one rotates. The first three are part of what is derived from the seed.

    :ivar join: of the swarm's join tokens.
    :ivar swarm: of the swarm's own authority.
    """

    ca: int = 1
    gossip: int = 1
    acl: int = 1
    join: int = 1
    swarm: int = 1


@dataclass(frozen=True)
class BackupWish:
    """What is kept of a cluster before a change that takes a manager or Consul server down.

    :ivar automatic: whether anything is.
    :ivar folder: where; None for `.metalswarm/backups/<project>.<stack>`.
    :ivar keep: how many of each part; the oldest go.
    """

    automatic: bool = True
    folder: str | None = None
    keep: int = 10


@dataclass(frozen=True)
class ClusterWish:
    """One cluster. Its tuples hold host names in the order of the settings, workers sorted by name.

    :ivar managers: swarm managers.
    :ivar workers: every other host of the cluster's swarm pools.
    :ivar consul_servers: the rest of the cluster runs client agents; empty with an external Consul.
    :ivar container_managers: nodes of the container manager's ring; empty for driver `none`.
    :ivar override: names of rules that are waived, sorted.
    """

    name: str
    managers: tuple[str, ...]
    workers: tuple[str, ...]
    consul_servers: tuple[str, ...]
    container_managers: tuple[str, ...]
    swarm: SwarmWish
    consul: ConsulWish
    manager: ManagerWish
    identity: Identity
    override: tuple[str, ...] = ()
    backup: BackupWish = BackupWish()

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every host of the cluster, managers first."""
        return self.managers + self.workers


@dataclass(frozen=True)
class HostFacts:
    """What the inventory says about one host, with what the stack says about touching it.

    :ivar bmc: None for a host without one.
    :ivar serial: chassis serial number, checked against the host where given.
    :ivar uuid: system UUID, lower case, checked where given.
    :ivar macs: lower case, colons; at least one must be found on the host where given.
    :ivar hold: why nobody may dial this host; None means it is free to use.
    :ivar lost: will never answer again; the living side evicts it.
    :ivar protected: refuses removal and reinstall.
    :ivar blank: nothing on its disks is worth looking for before a first install.
    :ivar evict: on hold and taken out of its cluster by the living side; only with `hold`.
    :ivar on_stuck: what this stack says of this one host; None where it leaves that to the pool.
    :ivar was: the name that it had until now; None where it keeps its name.
    """

    name: str
    access: Access
    bmc: BmcAddress | None
    serial: str | None
    uuid: str | None
    macs: tuple[str, ...]
    rack: str | None
    hold: str | None
    lost: bool
    protected: bool
    blank: bool
    evict: bool = field(default=False, kw_only=True)
    on_stuck: OnStuck | None = field(default=None, kw_only=True)
    was: str | None = field(default=None, kw_only=True)

    @property
    def given_up(self) -> bool:
        """Nobody asks the host itself: what its cluster holds of it, the living side takes out."""
        return self.lost or self.evict


@dataclass(frozen=True)
class HostWish(HostFacts):
    """What one host in a pool shall be, flat and complete.

    :ivar generation: 0 never installs; n means installed at least n times by us.
    :ivar cluster: only for purpose swarm.
    :ivar labels: swarm node labels, pool and host merged, host wins.
    :ivar max_unavailable: hosts of its pool that may be disrupted at once.
    :ivar engine: ours, or kept as it runs.
    :ivar pool_on_stuck: what its pool says of a drain that gets stuck.
    :ivar reboot: a label; the host is rebooted once for each new one. Empty for none.
    :ivar ready: the fleet's, with what its pool says instead.
    :ivar power_restore: set through its BMC; None leaves it as it is.
    :ivar boot_device: what it lastingly boots, likewise set through its BMC.
    :ivar boot_mode: goes along with each boot that is asked for through its BMC; None asks for none.
    """

    generation: int
    purpose: Purpose
    pool: str
    power: PowerWish
    cluster: str | None
    is_manager: bool
    is_consul_server: bool
    is_container_manager: bool
    labels: Mapping[str, str]
    on_leave: OnLeave
    on_destroy: OnLeave
    max_unavailable: int
    engine: EngineRule = EngineRule.MANAGED
    availability: Availability = Availability.ACTIVE
    reboot: str = ""
    pool_on_stuck: OnStuck = field(default=OnStuck.WAIT, kw_only=True)
    ready: ReadyFloors = field(default=ReadyFloors(), kw_only=True)
    power_restore: PowerRestore | None = field(default=None, kw_only=True)
    boot_device: LastingBoot = field(default=LastingBoot.DEFAULT, kw_only=True)
    boot_mode: FirmwareMode | None = field(default=None, kw_only=True)

    @property
    def life(self) -> str:
        """The machine life: `g<n>`, `g<n>-free` or `g<n>-off`. A new life of the chain is not a new install."""
        if self.power is PowerWish.OFF:
            return f"g{self.generation}-off"
        if self.purpose is Purpose.FREE:
            return f"g{self.generation}-free"
        return f"g{self.generation}"


@dataclass(frozen=True)
class Fleet:
    """The whole wanted state of one stack.

    :ivar owner: `project/stack`; written on every host that is ours.
    :ivar hosts: every host that is in a pool, by name.
    :ivar clusters: by name.
    :ivar consul: the Consul binary; None where there is no cluster.
    :ivar unmanaged: hosts of the inventory in no pool; never touched, known so that a chain can be taken down.
    """

    owner: str
    hosts: Mapping[str, HostWish]
    clusters: Mapping[str, ClusterWish]
    limits: Limits
    deadlines: Deadlines
    ready: ReadyFloors
    docker: DockerWish
    consul: Artifact | None
    unmanaged: Mapping[str, HostFacts] = field(default_factory=dict)

    def facts(self, host: str) -> HostFacts | None:
        """The inventory's word on a host, in a pool or not; None where the inventory no longer has it."""
        return self.hosts.get(host) or self.unmanaged.get(host)

    def overrides_of(self, host: str) -> tuple[str, ...]:
        """The rules that a host's cluster waives; none for a host in no cluster."""
        wish = self.hosts.get(host)
        cluster = self.clusters.get(wish.cluster) if wish and wish.cluster else None
        return cluster.override if cluster else ()

    def members(self, cluster: str) -> Iterator[HostWish]:
        """The hosts of a cluster, managers first."""
        return (self.hosts[name] for name in self.clusters[cluster].hosts)
