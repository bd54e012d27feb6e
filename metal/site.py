"""What every act is given: the wanted state, the secrets, the connections, and how to stop."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from metal.errors import MetalError
from metal.places import Places
from metal.settings.access import Access
from metal.settings.credentials import Credentials
from metal.settings.fleet import Fleet
from metal.waiting import Run

if TYPE_CHECKING:
    from metal.bmc import BmcPool
    from metal.host.ssh import SshPool

__all__ = ["Site"]


class _Pools:
    """The connections of one site, made at first use: a preview that reaches nothing loads no client."""

    def __init__(self, fleet: Fleet, credentials: Credentials) -> None:
        self._fleet = fleet
        self._credentials = credentials
        self._guard = threading.Lock()
        self.places = Places()
        self._ssh: SshPool | None = None
        self._bmcs: BmcPool | None = None
        self._closed = False

    @property
    def ssh(self) -> SshPool:
        with self._guard:
            self._check_open()
            if self._ssh is None:
                from metal.host.ssh import SshPool

                self._ssh = SshPool(self._credentials)
            return self._ssh

    @property
    def bmcs(self) -> BmcPool:
        with self._guard:
            self._check_open()
            if self._bmcs is None:
                from metal.bmc import BmcPool

                limits = self._fleet.limits
                self._bmcs = BmcPool(self._credentials, sessions=limits.bmc_sessions, per_subnet=limits.bmc_per_subnet)
            return self._bmcs

    def close(self) -> None:
        with self._guard:
            ssh, self._ssh = self._ssh, None
            self._bmcs = None
            self._closed = True
        if ssh is not None:
            ssh.close()

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("the site is closed")


@dataclass(frozen=True)
class Site:
    """What every act is given. Made once a process by :meth:`open`, narrowed to one operation by :meth:`with_run`.

    :ivar fleet: the whole wanted state, resolved.
    :ivar credentials: secrets by profile.
    :ivar run: how this operation is cancelled and tells its progress.
    """

    fleet: Fleet
    credentials: Credentials
    run: Run
    _pools: _Pools = field(repr=False, compare=False)
    _pins: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def open(cls, fleet: Fleet, credentials: Credentials, run: Run, *, pins: Mapping[str, str] | None = None) -> Site:
        """A site without any connection yet; they are made when first used.

        :param pins: host keys seen at first contact and kept since, by host name; may grow while the site is open.
        """
        return cls(fleet, credentials, run, _Pools(fleet, credentials), {} if pins is None else pins)

    @property
    def ssh(self) -> SshPool:
        """SSH connections, shared by every site made from this one."""
        return self._pools.ssh

    @property
    def bmcs(self) -> BmcPool:
        """BMC sessions, shared likewise, within the fleet's limits."""
        return self._pools.bmcs

    @property
    def places(self) -> Places:
        """Who is being disrupted in this run, shared likewise."""
        return self._pools.places

    def with_run(self, run: Run) -> Site:
        """The same site for another operation: same connections, own cancel and progress."""
        return replace(self, run=run)

    def access(self, host: str) -> Access:
        """How a host of the inventory is reached, in a pool or not, with the key that it must show where one is known.

        :raises MetalError: the inventory does not know it.
        """
        facts = self.fleet.facts(host)
        if facts is None:
            raise MetalError(
                "not in the inventory", host=host, next_step="add it to the inventory, or correct the name"
            )
        access = facts.access
        return access if access.host_key else replace(access, host_key=self._pins.get(host))

    def close(self) -> None:
        """End every connection. Safe to call twice; also called for a site made by :meth:`with_run`, it ends all."""
        self._pools.close()

    def __enter__(self) -> Site:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
