"""The small interface that every package family is behind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import ClassVar

from metal.errors import HostError, HostFault
from metal.host.facts import Facts
from metal.host.packages.first_boot import first_boot_ended
from metal.host.packages.lock import lock_holder
from metal.host.ssh import Ssh
from metal.waiting import Deadline, Pending, wait_until

__all__ = ["Packages", "choose", "matches"]


class Packages(ABC):
    """Packages of one host. What is installed is pinned and does not start by itself."""

    #: Files that the family's tools lock while they work.
    locks: ClassVar[tuple[str, ...]] = ()

    def __init__(self, ssh: Ssh) -> None:
        self.ssh = ssh

    @staticmethod
    def for_host(ssh: Ssh, facts: Facts) -> Packages:
        """The family of the host's system.

        :raises HostError: NOT_READY: a system of neither family.
        """
        from metal.host.packages.apt import Apt
        from metal.host.packages.dnf import Dnf

        if facts.family == "debian":
            return Apt(ssh)
        if facts.family == "redhat":
            return Dnf(ssh)
        raise HostError(
            f"no package family for {facts.release}",
            fault=HostFault.NOT_READY,
            host=ssh.access.host,
            tried=["Debian family (apt)", "RHEL family (dnf, yum)"],
            seen=facts.release,
            next_step="install a system of one of these families",
        )

    def ensure(
        self, name: str, version_glob: str, deadline: Deadline, *, downgrade: bool = False, pin: bool = True
    ) -> str:
        """Have `name` installed in a version that matches, held there, its services not started by the installation.

        An installed version that matches stays, also when there is a newer one.

        :param version_glob: "20.10.24*"; an epoch need not be given.
        :param deadline: covers waiting for the lock and every attempt.
        :param downgrade: allows to go below the installed version.
        :param pin: hold it at that version; a tool that only has to be there goes on being upgraded with the system.
        :returns: the installed version.
        :raises HostError: TIMEOUT with the lock's holder; COMMAND; NOT_READY: no such version, or it is a downgrade.
        """
        have = self.installed(name)
        if have is not None and matches(have, version_glob):
            if pin:
                self.hold(name, deadline)
            return have
        wanted = self._resolve(name, version_glob, have, deadline, downgrade=downgrade)
        self.install(name, wanted, deadline, downgrade=downgrade)
        if pin:
            self.hold(name, deadline)
        now = self.installed(name)
        if now is None or not matches(now, version_glob):
            raise HostError(
                f"{name} is not installed after its installation",
                fault=HostFault.COMMAND,
                host=self.ssh.access.host,
                tried=[f"install {name} {wanted}"],
                seen=now or "absent",
            )
        return now

    def due(self, name: str, version_glob: str, deadline: Deadline) -> str | None:
        """The version that :meth:`ensure` would install; None where what is installed matches.

        :raises HostError: as :meth:`ensure`, where it would refuse.
        """
        have = self.installed(name)
        if have is not None and matches(have, version_glob):
            return None
        return self._resolve(name, version_glob, have, deadline, downgrade=False)

    def _resolve(self, name: str, version_glob: str, have: str | None, deadline: Deadline, *, downgrade: bool) -> str:
        self.wait_free(deadline)
        self.repair(deadline)
        available = self.available(name, deadline)
        wanted = choose(available, version_glob)
        if wanted is None:
            raise HostError(
                f"no version of {name} matches {version_glob!r}",
                fault=HostFault.NOT_READY,
                host=self.ssh.access.host,
                tried=[f"the host's own package sources, refreshed; {name}"],
                seen=", ".join(available[:10]) or "no such package",
                next_step="correct the version in the settings, or the package sources of the host",
            )
        if have is not None and not downgrade and self.older(wanted, have):
            raise HostError(
                f"{name} would go back from {have} to {wanted}",
                fault=HostFault.NOT_READY,
                host=self.ssh.access.host,
                tried=[f"version {version_glob!r}"],
                seen=f"{have} is installed",
                next_step="raise the version in the settings, or remove the package on the host",
            )
        return wanted

    def wait_free(self, deadline: Deadline) -> None:
        """Wait until nobody works on the host's packages: the first boot's set-up, then whoever holds a lock.

        :raises HostError: TIMEOUT, naming the holder.
        """

        def locks() -> bool | Pending:
            holder = lock_holder(self.ssh, self.locks)
            return Pending(holder) if holder else True

        host = self.ssh.access.host
        wait_until(
            "the first boot's set-up ends",
            lambda: first_boot_ended(self.ssh),
            deadline=deadline,
            fail=lambda late, seen: self._busy(
                late, ("cloud-init status",), seen, "look at `cloud-init status --long` on the host"
            ),
            interval=2,
            host=host,
        )
        wait_until(
            "the package manager is free",
            locks,
            deadline=deadline,
            fail=lambda late, seen: self._busy(
                late, self.locks, seen, "let that process finish, or end it on the host"
            ),
            interval=2,
            host=host,
        )

    @abstractmethod
    def installed(self, name: str) -> str | None:
        """The version that is fully installed; None otherwise."""

    @abstractmethod
    def available(self, name: str, deadline: Deadline) -> tuple[str, ...]:
        """Versions in the host's sources, newest first, from lists refreshed when they had none."""

    @abstractmethod
    def older(self, left: str, right: str) -> bool:
        """Whether version `left` is before `right`, by the family's own rules."""

    @abstractmethod
    def install(self, name: str, version: str, deadline: Deadline, *, downgrade: bool) -> None:
        """Install exactly that version, without starting services."""

    @abstractmethod
    def hold(self, name: str, deadline: Deadline) -> None:
        """Keep upgrades from changing its version."""

    @abstractmethod
    def remove(self, name: str, deadline: Deadline) -> bool:
        """Remove the package, keep its configuration; True when it was installed."""

    @abstractmethod
    def repair(self, deadline: Deadline) -> None:
        """Finish what an interrupted installation left half done."""

    def _busy(self, late: str, tried: Sequence[str], seen: str, cure: str) -> HostError:
        return HostError(
            late,
            fault=HostFault.TIMEOUT,
            host=self.ssh.access.host,
            tried=tried,
            seen=seen,
            next_step=f"{cure}, then run again",
        )


def matches(version: str, glob: str) -> bool:
    """Whether a version fits a glob, with its epoch or without."""
    return fnmatchcase(version, glob) or fnmatchcase(version.split(":", 1)[-1], glob)


def choose(available: tuple[str, ...], glob: str) -> str | None:
    """The newest version that fits; `available` is newest first."""
    return next((version for version in available if matches(version, glob)), None)
