"""Three fresh hosts with one fleet's settings, for tests of the engine and of the swarm."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from lab.api import Lab
from lab.bmc.client import PowerAct
from metal.cluster.docker import EngineReport, EngineWish, ensure_engine
from metal.cluster.swarm import NodeWish
from metal.host.ssh import Ssh
from metal.plan.join import BirthRecord, Role
from metal.settings.access import Access
from metal.settings.credentials import Credentials
from metal.settings.fleet import (
    ClusterWish,
    ConsulWish,
    Deadlines,
    DockerWish,
    Fleet,
    HostWish,
    Identity,
    Limits,
    ManagerWish,
    OnLeave,
    PowerWish,
    Purpose,
    ReadyFloors,
    SwarmWish,
)
from metal.site import Site
from metal.waiting import Run

__all__ = ["SEED", "MemoryRecord", "Rack", "reinstall", "together"]

SEED = bytes(range(32))
_DEADLINES = Deadlines(
    boot=60, ssh=60, ready=30, packages=120, engine=60, consul=30, swarm=60, drain=30, evict=60, probe=15
)


def together(*acts: Callable[[], object]) -> list[object]:
    """Run acts at the same time; the first error is raised when all are done."""
    with ThreadPoolExecutor(len(acts)) as threads:
        return [future.result() for future in [threads.submit(act) for act in acts]]


def reinstall(lab: Lab, name: str) -> None:
    host = lab.host(name)
    host.reset_counter()
    host.set_boot("pxe")
    host.kill()
    host.power(PowerAct.ON)
    host.wait_for_ssh()


class MemoryRecord:
    """The birth record's contract without a store: check-and-set under a lock."""

    def __init__(self) -> None:
        self.value: BirthRecord | None = None
        self._lock = threading.Lock()

    def read(self) -> BirthRecord | None:
        return self.value

    def claim(self, host: str, *, replacing: BirthRecord | None) -> bool:
        return self._set(BirthRecord(host), replacing)

    def complete(self, host: str, swarm: str, *, replacing: BirthRecord | None) -> bool:
        return self._set(BirthRecord(host, swarm), replacing)

    def gossip(self, host: str) -> str:
        return ""

    def forget(self, *, replacing: BirthRecord) -> bool:
        return self._set(None, replacing)

    def _set(self, value: BirthRecord | None, replacing: BirthRecord | None) -> bool:
        with self._lock:
            if self.value != replacing:
                return False
            self.value = value
            return True


@dataclass
class Rack:
    """Hosts of a lab with one open site.

    :ivar lines: every line of progress.
    """

    lab: Lab
    managers: Sequence[str]
    workers: Sequence[str] = ()
    lines: list[str] = field(default_factory=list)
    run: Run = field(init=False)
    site: Site = field(init=False)

    def __post_init__(self) -> None:
        self.run = Run(progress=self.lines.append)
        config = {
            "metalswarm:ssh-default": self.lab.ssh_key.read_text(),
            "metalswarm:seed": base64.b64encode(SEED).decode(),
        }
        self.site = Site.open(self.fleet(self.managers, self.workers), Credentials.from_config(config, {}), self.run)

    def want(self, managers: Sequence[str], workers: Sequence[str] = ()) -> None:
        """Change the settings, as an edit of the stack does."""
        self.site.close()
        self.managers, self.workers = managers, workers
        self.__post_init__()

    def fleet(self, managers: Sequence[str], workers: Sequence[str]) -> Fleet:
        cluster = ClusterWish(
            name="blue",
            managers=tuple(managers),
            workers=tuple(workers),
            consul_servers=tuple(managers),
            container_managers=(),
            swarm=SwarmWish(address_pool="172.30.0.0/16"),
            consul=ConsulWish("dc1"),
            manager=ManagerWish(),
            identity=Identity(),
        )
        hosts = {name: self._host(name, name in managers) for name in (*managers, *workers)}
        return Fleet("engines/tests", hosts, {"blue": cluster}, Limits(), _DEADLINES, ReadyFloors(), DockerWish(), None)

    def access(self, name: str) -> Access:
        return Access(name, str(self.lab.spec.machine(name).address), 22, "root", "default", False)

    def ssh(self, name: str) -> Ssh:
        return self.site.ssh.connect(self.access(name), deadline=self.run.deadline(30))

    def docker(self, name: str, *words: str) -> str:
        return self.ssh(name).run(["docker", *words]).stdout.strip()

    def engine_wish(self, name: str, **changes: object) -> EngineWish:
        fields = {"authority": "blue", "package": "docker.io", "version": "20.10.24*", **changes}
        return EngineWish(host=name, access=self.access(name), **fields)  # type: ignore[arg-type]

    def engine(self, name: str, **changes: object) -> EngineReport:
        return ensure_engine(self.site, self.engine_wish(name, **changes))

    def node_wish(self, name: str, **changes: object) -> NodeWish:
        cluster = self.site.fleet.clusters["blue"]
        role = Role.MANAGER if name in cluster.managers else Role.WORKER
        fields = {"role": role, "swarm": cluster.swarm, **changes}
        return NodeWish(host=name, access=self.access(name), cluster="blue", **fields)  # type: ignore[arg-type]

    def _host(self, name: str, manager: bool) -> HostWish:
        return HostWish(
            name=name,
            access=self.access(name),
            bmc=None,
            serial=None,
            uuid=None,
            macs=(),
            rack=None,
            hold=None,
            lost=False,
            protected=False,
            blank=False,
            generation=1,
            purpose=Purpose.SWARM,
            pool="core",
            power=PowerWish.ON,
            cluster="blue",
            is_manager=manager,
            is_consul_server=manager,
            is_container_manager=False,
            labels={},
            on_leave=OnLeave.KEEP,
            on_destroy=OnLeave.OFF,
            max_unavailable=1,
        )
