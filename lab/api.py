"""A lab as one object: up, down, its hosts, and the inventory that describes it."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from lab.bmc.login import BmcLogin, ensure_login
from lab.bmc.module import ensure_modules
from lab.bmc.service import ensure_bmc
from lab.cache import locked
from lab.errors import LabError
from lab.host import HostStatus, LabHost
from lab.image.base import ensure_image, image_path, remove_image
from lab.install import missing
from lab.keys import ensure_key
from lab.limits import ensure_limits, restore_limits
from lab.machine.cgroups import remove_cgroups
from lab.machine.power import prepare_machine
from lab.mirror.service import ensure_mirror, mirror_daemon
from lab.network import ensure_network, remove_network
from lab.process import running
from lab.redfish.service import certificate_of, ensure_redfish
from lab.spec import LabSpec
from lab.standing import keep_standing, lab_file, read_standing, refuse_another
from metal.waiting import Run

__all__ = ["Lab", "Part"]


_MARKS = ("ipmi_sim", "lab.bmc.serve", "lab.machine", "lab.mirror.serve", "lab.redfish.serve")
"""Programs and modules that a lab runs for long."""


class Part(StrEnum):
    """What `up` builds, in this order, and `down` removes in the other."""

    IMAGE = "image"
    NETWORK = "network"
    MIRROR = "mirror"
    BMCS = "bmcs"


class Lab:
    """:ivar deadline: seconds that any one process may take to start or end."""

    deadline = 30.0

    def __init__(self, spec: LabSpec, run: Run) -> None:
        self.spec = spec
        self._run = run
        # Single processes start and end in a moment; what is worth telling is told by the parts.
        self._quiet = replace(run, progress=lambda line: None)

    @classmethod
    def from_spec(cls, spec: LabSpec | None = None, *, run: Run | None = None) -> Lab:
        return cls(spec or LabSpec(), run or Run())

    @property
    def ssh_key(self) -> Path:
        return self.spec.key

    @property
    def bmc_login(self) -> BmcLogin:
        return ensure_login(self.spec.bmc_login)

    def host(self, name: str) -> LabHost:
        return LabHost(self.spec, self.spec.machine(name), self._quiet)

    @property
    def hosts(self) -> tuple[LabHost, ...]:
        return tuple(LabHost(self.spec, machine, self._quiet) for machine in self.spec.machines)

    def status(self) -> tuple[HostStatus, ...]:
        """All hosts, asked at once: silent ones take their time."""
        with ThreadPoolExecutor(max_workers=16) as pool:
            return tuple(pool.map(LabHost.status, self.hosts))

    def up(self, parts: Iterable[Part] = tuple(Part)) -> list[Part]:
        """Build what is missing; returns the parts in which something was. Hosts keep their power: at first, off.

        :raises LabError: when a part cannot be built, or a lab of another description stands in the directory.
        """
        wanted = set(parts)
        changed = []
        self._refuse_without_root()
        self._refuse_without_packages()
        with self._locked():
            self._settle_spec()
            for part in (part for part in Part if part in wanted):
                self._run.progress(f"lab {self.spec.name}: {part}")
                if self._part_up(part):
                    changed.append(part)
        return changed

    def down(self, parts: Iterable[Part] = tuple(Part), *, keep: bool = False) -> list[Part]:
        """Remove parts, whatever state they are in; returns those in which there was something.

        A host needs NETWORK and BMCS, so removing either ends it. All parts but the image, which other labs may use,
        are the whole lab: then its folder goes too.

        :param keep: leave disks, keys and counters for the next `up`.
        """
        wanted = set(parts)
        changed: list[Part] = []
        self._refuse_without_root()
        with self._locked():
            for part in (part for part in reversed(Part) if part in wanted and part is not Part.IMAGE):
                self._run.progress(f"lab {self.spec.name}: {part} down")
                if self._part_down(part):
                    changed.append(part)
            if wanted >= {Part.NETWORK, Part.MIRROR, Part.BMCS}:
                self._end_strays()
                remove_cgroups(self.spec.cgroup)
                restore_limits(self.spec.name)
                if not keep and lab_file(self.spec.directory).exists():
                    shutil.rmtree(self.spec.directory)
                if not self.spec.directory.exists():
                    self._lock.unlink()
            if wanted == {Part.IMAGE} and remove_image(self.spec.cache):
                changed.append(Part.IMAGE)
        return changed

    def _part_up(self, part: Part) -> bool:
        deadline = self._quiet.deadline(self.deadline)
        if part is Part.IMAGE:
            known = image_path(self.spec.cache).exists()
            ensure_image(self.spec.cache, self._run)
            return not known
        if part is Part.NETWORK:
            return ensure_network(self.spec)
        if part is Part.MIRROR:
            return ensure_mirror(self.spec, self._run, deadline=deadline)
        ensure_key(self.spec.key, f"metalswarm-{self.spec.name}")
        image = ensure_image(self.spec.cache, self._run)
        modules = ensure_modules(self.spec.cache)
        ensure_limits(self.spec.name)
        login = self.bmc_login
        started = False
        for host in self.spec.machines:
            prepare_machine(self.spec, host, image)
            started |= ensure_bmc(host, login, modules, deadline=deadline)
            if host.redfish_port:
                started |= ensure_redfish(host, login, deadline=deadline)
        return started

    def _part_down(self, part: Part) -> bool:
        deadline = self._quiet.deadline(self.deadline)
        changed = False
        if part in (Part.NETWORK, Part.BMCS):
            for host in self.hosts:
                # The BMC first: it could switch the machine on again.
                changed |= part is Part.BMCS and host.unplug()
                changed |= host.kill()
        if part is Part.NETWORK:
            return remove_network(self.spec) or changed
        if part is Part.MIRROR:
            return mirror_daemon(self.spec).stop(deadline=deadline)
        return changed

    def _end_strays(self) -> None:
        """What a starter that was killed left unrecorded names the lab's folder among its arguments."""
        for process in running(self.spec.directory, _MARKS):
            process.signal(signal.SIGKILL)

    @property
    def _lock(self) -> Path:
        return self.spec.directory.with_name(self.spec.directory.name + ".lock")

    @staticmethod
    def _refuse_without_root() -> None:
        if os.geteuid() != 0:
            raise LabError("a lab needs root", next_step="it makes namespaces, links and mounts; run this as root")

    @staticmethod
    def _refuse_without_packages() -> None:
        if lacking := missing():
            raise LabError(f"Debian packages are missing: {' '.join(lacking)}", next_step="metalswarm lab install")

    def _settle_spec(self) -> None:
        stands = read_standing(self.spec.directory)
        if stands:
            refuse_another(stands, self.spec, next_step="describe it as it was made, or take it down first")
        else:
            keep_standing(self.spec)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with locked(self._lock, on_wait=lambda: self._run.progress("waiting for another lab command to end")):
            yield

    def redfish(self, name: str, *, protocol: str = "redfish") -> dict[str, object]:
        """What an inventory says of a host's BMC that is spoken to over Redfish, its certificate pinned.

        :param protocol: redfish, or auto.
        """
        host = self.spec.machine(name)
        ports = {"port": host.redfish_port}
        if protocol == "auto":
            ports = {"port": host.bmc_port, "redfish_port": host.redfish_port}
        pin = certificate_of(host).fingerprint
        return {"address": str(host.bmc), "protocol": protocol, **ports, "fingerprint": pin}

    def inventory(self, *, profile: str = "default") -> dict[str, object]:
        """The lab in the format of an inventory file.

        :param profile: credential profile of SSH key and BMC login.
        """
        return {
            "defaults": {
                "ssh": {"user": "root", "port": 22, "key": profile},
                "bmc": {"protocol": "ipmi", "port": self.spec.bmc_port, "credentials": profile},
                "blank": True,
            },
            "hosts": {
                host.name: {"address": str(host.address), "bmc": str(host.bmc), "macs": [host.mac]}
                for host in self.spec.machines
            },
        }
