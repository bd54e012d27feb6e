"""A cluster's settings over a lab's hosts, with one open site: for tests of Consul and of the container manager."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import yaml

from lab.api import Lab
from lab.bmc.client import PowerAct
from metal.cluster.consul import CatalogMember, MemberWish, living_api, read_catalog
from metal.cluster.stackengine import ManagerNodeWish
from metal.host.ssh import Ssh
from metal.settings import load_fleet
from metal.settings.credentials import Credentials
from metal.site import Site
from metal.waiting import Run

__all__ = ["KEY", "NEXT_KEY", "Members", "reinstall_all", "within"]

T = TypeVar("T")

KEY = "LAB-CUSTOMER-KEY-7319"
NEXT_KEY = "LAB-CUSTOMER-KEY-8420"
CLUSTER = "blue"
SEED = bytes(range(32))


def reinstall_all(lab: Lab, names: Sequence[str]) -> None:
    """Fresh systems, all at once."""

    def one(name: str) -> None:
        host = lab.host(name)
        host.reset_counter()
        host.set_boot("pxe")
        host.kill()
        host.power(PowerAct.ON)
        host.wait_for_ssh()

    with ThreadPoolExecutor(len(names)) as threads:
        list(threads.map(one, names))


def within(seconds: float, probe: Callable[[], bool]) -> float:
    """How long it took until `probe` said yes; fails after `seconds`."""
    started = time.monotonic()
    while not probe():
        assert time.monotonic() - started < seconds, f"not within {seconds} s"
        time.sleep(0.2)
    return time.monotonic() - started


class Members:
    """One cluster as its settings want it.

    :ivar lines: every line of progress.
    :ivar identity: rotation numbers; edit them, then :meth:`want` again.
    :ivar pins: host keys that hosts must show, likewise.
    :ivar manager_key: profile of the container manager's key, likewise.
    """

    def __init__(self, lab: Lab, folder: Path, servers: Sequence[str], workers: Sequence[str] = ()) -> None:
        self.lab = lab
        self.folder = folder
        self.lines: list[str] = []
        self.identity: dict[str, int] = {}
        self.manager_key = "default"
        self.pins: dict[str, str] = {}
        self.run = Run(progress=self.lines.append)
        hosts = {m.name: {"address": str(m.address), "bmc": "none"} for m in lab.spec.machines}
        defaults = {"ssh": {"user": "root", "key": "default"}}
        (folder / "inventory.yaml").write_text(yaml.safe_dump({"defaults": defaults, "hosts": hosts}))
        self.site = self._open(servers, workers)

    def want(self, servers: Sequence[str], workers: Sequence[str] = (), *, override: Sequence[str] = ()) -> None:
        """Change the settings, as an edit of the stack does."""
        self.site.close()
        self.site = self._open(servers, workers, override)

    def together(self, act: Callable[[Site, str], T], names: Sequence[str]) -> list[T]:
        """Act on hosts at the same time, as the engine does; the first error is raised when all are done."""
        with ThreadPoolExecutor(len(names)) as threads:
            return [f.result() for f in [threads.submit(act, self.site, name) for name in names]]

    def consul(self, name: str) -> MemberWish:
        return MemberWish.of(self.site.fleet, name)

    def manager(self, name: str) -> ManagerNodeWish:
        return ManagerNodeWish.of(self.site.fleet, name)

    def ssh(self, name: str) -> Ssh:
        return self.site.ssh.connect(self.site.access(name), deadline=self.run.deadline(30))

    @contextmanager
    def catalog(self, through: str) -> Iterator[Callable[[], dict[str, CatalogMember]]]:
        with living_api(self.site, self.consul(through), deadline=self.run.deadline(30)) as api:
            yield lambda: read_catalog(api)

    def main_pid(self, name: str, unit: str) -> str:
        return self.ssh(name).run(["systemctl", "show", "--property=MainPID", unit]).stdout.strip()

    def _open(self, servers: Sequence[str], workers: Sequence[str], override: Sequence[str] = ()) -> Site:
        mirror = self.lab.spec.mirror_url

        def artifact(name: str, version: str) -> dict[str, str]:
            url = f"{mirror}/{name}/{version}/{name}"
            return {"version": version, "url": url, "sha256_url": f"{url}.sha256"}

        nodes = list(servers[: len(servers) - (len(servers) + 1) % 2])
        pools = {"core": {"purpose": "swarm", "cluster": CLUSTER, "hosts": list(servers)}}
        if workers:
            pools["web"] = {"purpose": "swarm", "cluster": CLUSTER, "hosts": list(workers)}
        document = {
            "inventory": ["inventory.yaml"],
            "deadlines": {"consul": 90, "manager": 60, "evict": 5, "ssh": 30},
            "consul": artifact("consul", "1.15.4"),
            "clusters": {
                CLUSTER: {
                    "managers": list(servers),
                    "consul": {"datacenter": "dc1"},
                    # A ring is never even; these tests change Swarm managers and Consul servers only.
                    "manager": {
                        "driver": "stackengine",
                        "nodes": nodes,
                        "key": self.manager_key,
                        **artifact("stackengine", "1.0.0"),
                    },
                    "override": list(override),
                    "identity": self.identity,
                }
            },
            "pools": pools,
        }
        config = {
            "metalswarm:ssh-default": self.lab.ssh_key.read_text(),
            "metalswarm:seed": base64.b64encode(SEED).decode(),
            "metalswarm:manager-default": KEY,
            "metalswarm:manager-next": NEXT_KEY,
        }
        fleet = load_fleet(document, root=self.folder, owner="members/tests")
        return Site.open(fleet, Credentials.from_config(config, {}), self.run, pins=self.pins)
