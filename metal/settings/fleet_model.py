"""The fleet document as a user writes it: what the stack wants, without the inventory's facts."""

from __future__ import annotations

import re
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from metal.settings.external import Agents
from metal.settings.fleet import (
    Availability,
    DestroyRule,
    EngineRule,
    FirmwareMode,
    LastingBoot,
    ManagerDriver,
    OnLeave,
    OnStuck,
    PowerRestore,
    PowerWish,
    Purpose,
)
from metal.settings.inventory_model import Model
from metal.settings.overrides import OVERRIDES
from metal.settings.problems import problem
from metal.settings.ready_model import ReadyModel
from metal.settings.values import (
    Address,
    Cidr,
    Duration,
    Flag,
    LabelKey,
    LabelValue,
    Name,
    Natural,
    Positive,
    Profile,
    Reason,
    is_private,
    word_of_switch,
)

__all__ = [
    "ArtifactModel",
    "ClusterModel",
    "ConsulModel",
    "DeadlinesModel",
    "DockerModel",
    "ExternalConsulModel",
    "FleetModel",
    "HostIntent",
    "IdentityModel",
    "LimitsModel",
    "ManagerModel",
    "PoolModel",
    "ReadyModel",
    "SwarmModel",
]


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"\s", value):
        raise problem("is not a URL", "http or https with a host", shown="@" not in value)
    if parts.username or parts.password:
        # It would show in process lists and in the state.
        raise problem("carries a login", "a URL without user and password", shown=False)
    return value


def _sha256(value: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{64}", value):
        raise problem("is not a SHA-256", "64 hexadecimal digits")
    return value.lower()


def _datacenter(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9_-]{1,64}", value):
        raise problem("is not a datacenter name", "lower-case letters, digits, hyphens and underscores")
    return value


def _interface(value: str) -> str:
    if not re.fullmatch(r"[^\s/:]{1,15}", value):
        raise problem("is not an interface name", "at most 15 characters, like eth0 or bond0")
    return value


def _glob(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.+:~*?-]+", value):
        raise problem("is not a package version", 'a version or a glob in quotes, like "20.10.24*"')
    return value


Url = Annotated[str, AfterValidator(_url), WithJsonSchema({"type": "string", "format": "uri", "pattern": "^https?://"})]
Sha256 = Annotated[str, AfterValidator(_sha256), WithJsonSchema({"type": "string", "pattern": "^[0-9a-fA-F]{64}$"})]
Version = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+~_-]*$")]
Labels = dict[LabelKey, LabelValue]


class _Download(Model):
    """A file by URL, with its digest: pinned, or read beside it where both come from a private address."""

    @model_validator(mode="after")
    def _has_digest(self) -> Self:
        url: str | None = getattr(self, "url", None)
        sha256: str | None = getattr(self, "sha256", None)
        sha256_url: str | None = getattr(self, "sha256_url", None)
        if url is None:
            if sha256 or sha256_url:
                raise problem("has a digest and no url", "both")
            return self
        if (sha256 is None) == (sha256_url is None):
            raise problem("needs one digest for its url", "sha256 (or sha256_url, in a lab)")
        if sha256_url and not all(is_private(urlsplit(part).hostname or "") for part in (url, sha256_url)):
            raise problem(
                "reads its digest from a public or named host, which proves nothing",
                "sha256 with the digest itself; sha256_url only where both are private addresses of a lab",
            )
        return self


class ArtifactModel(_Download):
    version: Version
    url: Url
    sha256: Sha256 | None = None
    sha256_url: Url | None = None


class LimitsModel(Model):
    destroy: DestroyRule = DestroyRule.ALLOW
    bmc_sessions: Positive = 64
    bmc_per_subnet: Positive = 16
    max_unavailable: Positive = 1


class DeadlinesModel(Model):
    """Seconds, or text like 5m."""

    bmc: Duration = 15
    power: Duration = 120
    probe: Duration = 60
    boot: Duration = 900
    ssh: Duration = 300
    ready: Duration = 300
    packages: Duration = 900
    engine: Duration = 300
    consul: Duration = 180
    swarm: Duration = 300
    drain: Duration = 300
    manager: Duration = 180
    evict: Duration = 60


class DockerModel(Model):
    package: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.+-]+$")] = "docker.io"
    version: Annotated[str, AfterValidator(_glob)] = "*"
    daemon: dict[str, Any] = Field(default_factory=dict)


class HostIntent(Model):
    """What this stack wants of one host beyond its pool."""

    generation: Natural = 0
    hold: Reason | None = None
    labels: Labels = Field(default_factory=dict)
    evict: Flag = False
    on_stuck: OnStuck | None = None
    power_restore: Annotated[PowerRestore, BeforeValidator(word_of_switch)] | None = None
    boot_device: LastingBoot | None = None
    boot_mode: FirmwareMode | None = None


def _api(value: str) -> str:
    if urlsplit(_url(value)).path.rstrip("/"):
        raise problem("has a path", "scheme, host and port of Consul's API, like http://127.0.0.1:8500")
    return value.rstrip("/")


class ExternalConsulModel(Model):
    """A Consul that exists already."""

    api: Annotated[
        str, AfterValidator(_api), WithJsonSchema({"type": "string", "format": "uri", "pattern": "^https?://"})
    ]
    through: list[Name] | None = Field(default=None, description="hosts from which the API is reached, over SSH")
    agents: Agents = Agents.NONE
    servers: list[Address] = Field(default_factory=list, description="addresses that agents of ours join")
    credentials: Profile | None = None


class ConsulModel(Model):
    datacenter: Annotated[str, AfterValidator(_datacenter)] | None = None
    servers: list[Name] | None = None
    external: ExternalConsulModel | None = None


class SwarmModel(Model):
    address_pool: Cidr = "10.0.0.0/8"
    subnet_size: Annotated[int, Field(strict=True, ge=8, le=29)] = 24
    data_path_port: Annotated[int, Field(strict=True, ge=1024, le=49151)] = 4789
    interface: Annotated[str, AfterValidator(_interface)] | None = None
    port: Annotated[int, Field(strict=True, ge=1, le=65535)] = 2475
    rebalance: Flag = False


class ManagerModel(_Download):
    driver: ManagerDriver = ManagerDriver.NONE
    nodes: list[Name] | None = None
    key: Profile = "default"
    version: Version | None = None
    url: Url | None = None
    sha256: Sha256 | None = None
    sha256_url: Url | None = None

    @model_validator(mode="after")
    def _has_binary(self) -> Self:
        if self.driver is not ManagerDriver.NONE and self.url is None:
            raise problem(f"driver {self.driver} needs its binary", "url and sha256")
        return self


class IdentityModel(Model):
    ca: Positive = 1
    gossip: Positive = 1
    acl: Positive = 1
    join: Positive = 1
    swarm: Positive = 1


class BackupModel(Model):
    automatic: bool = True
    folder: str | None = None
    keep: Positive = 10


class ClusterModel(Model):
    managers: list[Name]
    consul: ConsulModel = ConsulModel()
    swarm: SwarmModel = SwarmModel()
    manager: ManagerModel = ManagerModel()
    identity: IdentityModel = IdentityModel()
    override: list[Annotated[str, WithJsonSchema({"enum": list(OVERRIDES)})]] = Field(
        default_factory=list, description="rules that are waived, by name"
    )
    backup: BackupModel = BackupModel()


class PoolModel(Model):
    purpose: Purpose | None = Field(default=None, description="swarm where a cluster is given")
    cluster: Name | None = None
    hosts: list[Name]
    generation: Natural = 0
    power: Annotated[PowerWish, BeforeValidator(word_of_switch)] = PowerWish.ON
    labels: Labels = Field(default_factory=dict)
    max_unavailable: Positive | None = None
    reboot: LabelValue | None = Field(default=None, description="any text; a changed one reboots each host once")
    on_leave: Annotated[OnLeave, BeforeValidator(word_of_switch)] = OnLeave.KEEP
    on_destroy: Annotated[OnLeave, BeforeValidator(word_of_switch)] = OnLeave.KEEP
    engine: EngineRule = Field(default=EngineRule.MANAGED, description="keep: the engine is left as it runs")
    availability: Availability = Field(default=Availability.ACTIVE, description="of the pool's swarm nodes")
    on_stuck: OnStuck = OnStuck.WAIT
    ready: ReadyModel | None = Field(default=None, description="keys that take the place of the fleet's")
    power_restore: Annotated[PowerRestore, BeforeValidator(word_of_switch)] | None = Field(
        default=None, description="what the host does when mains power returns; left alone where not given"
    )
    boot_device: LastingBoot = Field(default=LastingBoot.DEFAULT, description="what lastingly boots first")
    boot_mode: FirmwareMode | None = Field(
        default=None, description="goes along with each boot that is asked for; left alone where not given"
    )


class FleetModel(Model):
    """What one stack wants; the value of `metalswarm:fleet`, and the form of an included file."""

    inventory: list[str] = Field(default=[], description="inventory files, from the project's folder")
    include: str | list[str] = Field(
        default=[], description="files laid under this document, from the project's folder"
    )
    limits: LimitsModel = LimitsModel()
    deadlines: DeadlinesModel = DeadlinesModel()
    ready: ReadyModel = ReadyModel()
    docker: DockerModel = DockerModel()
    consul: ArtifactModel | None = None
    hosts: dict[Name, HostIntent] = Field(default_factory=dict)
    clusters: dict[Name, ClusterModel] = Field(default_factory=dict)
    pools: dict[Name, PoolModel] = Field(default_factory=dict)
